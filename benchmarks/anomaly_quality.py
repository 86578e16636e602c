"""How often is the anomaly detector wrong, how soon is it right? Beside a rule of three sigmas.

4,000 synthetic frames a seed over 16 days: an AR(1) walk (0.3, 3 %), a daily swing (5 %), one hour in a hundred a spike of
1.2 to 2.5 times, and counting noise of 360,000 samples an hour. The last 48 hours are judged. Spikes last ten minutes of
their hour where five-minute slots are looked at. Causes and refactors are planted in call trees of 200 functions.

    python benchmarks/anomaly_quality.py            100 seeds, some ten minutes
    python benchmarks/anomaly_quality.py --quick    3 seeds
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kibitz_server.anomalies import fast
from kibitz_server.anomalies.baseline import baseline, common_factor
from kibitz_server.anomalies.deviations import deviations
from kibitz_server.anomalies.group import causes
from kibitz_server.anomalies.series import Series, with_self

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FRAMES, SAMPLES = 4000, 360_000
HISTORY, JUDGED = 14 * 24, 48
WEEK = 168
CHANGED = 200
LARGE_SHARE = 0.005
SLOTS_AN_HOUR = 12


@dataclass(frozen=True, slots=True)
class Synthetic:
    """Shares (frames, hours) as sampled, and the shares (frames,) they stray around."""

    shares: Floats
    level: Floats
    samples: Ints


def expected(rng: np.random.Generator, level: Floats, hours: int, *, spikes: bool = True) -> Floats:
    """What a frame's share tends to in each hour, before counting: (frames, hours)."""
    frames = len(level)
    drift = np.zeros((frames, hours))
    noise = rng.normal(0, 0.03 * np.sqrt(1 - 0.3**2), (hours, frames))
    for hour in range(1, hours):
        drift[:, hour] = 0.3 * drift[:, hour - 1] + noise[hour]
    swing = 1 + 0.05 * np.sin(2 * np.pi * np.arange(hours) / 24 + rng.uniform(0, 2 * np.pi, (frames, 1)))
    spike = np.where(rng.random((frames, hours)) < 0.01, rng.uniform(1.2, 2.5, (frames, hours)), 1.0)
    return np.asarray(level[:, None] * (1 + drift) * swing * (spike if spikes else 1.0))


def synthetic(
    seed: int, changes: dict[float, int], *, frames: int = FRAMES, hours: int = HISTORY + JUDGED
) -> Synthetic:
    """Frames of 0.1 to 20 %; of the first ones, ``changes[factor]`` each have their share multiplied from `HISTORY` on."""
    rng = np.random.default_rng(seed)
    level = 10 ** rng.uniform(-3, np.log10(0.2), frames)
    shares = expected(rng, level, hours)
    row = 0
    for factor, count in changes.items():
        shares[row : row + count, HISTORY:] *= factor
        row += count
    counts = rng.binomial(SAMPLES, np.minimum(shares, 1.0))
    return Synthetic(counts / SAMPLES, level, np.full(hours, SAMPLES))


def alarmed(data: Synthetic, until: int) -> set[int]:
    """The frames with an alarm in the judged hours, as seen after ``until`` hours."""
    shares = data.shares[:, :until]
    return {
        found.frame for found in deviations(shares, shares, data.samples[:until]) if found.last >= HISTORY
    }


def three_sigmas(data: Synthetic, until: int) -> set[int]:
    """The frames with an hour more than three standard deviations from their mean."""
    history, judged = data.shares[:, :HISTORY], data.shares[:, HISTORY:until]
    far = np.abs(judged - history.mean(axis=1)[:, None]) > 3 * history.std(axis=1)[:, None]
    return set(np.flatnonzero(far.any(axis=1)).tolist())


def steps(seeds: range) -> dict[str, float]:
    """False alarms, and what is found of steps of 5 and 10 % after 12 and 48 hours."""
    counts: Counter[str] = Counter()
    for seed in seeds:
        data = synthetic(seed, {1.05: CHANGED, 1.10: CHANGED})
        large = set(np.flatnonzero(data.level >= LARGE_SHARE).tolist())
        small_step, step = set(range(CHANGED)) & large, set(range(CHANGED, 2 * CHANGED)) & large
        still = set(range(2 * CHANGED, FRAMES))
        for name, rule in (("kibitz", alarmed), ("three_sigmas", three_sigmas)):
            early, late = rule(data, HISTORY + 12), rule(data, HISTORY + JUDGED)
            counts[f"{name} false"] += len(still & late)
            counts[f"{name} ten"] += len(step & early)
            counts[f"{name} five"] += len(small_step & late)
        counts["still"] += len(still)
        counts["ten"] += len(step)
        counts["five"] += len(small_step)
    figures = {"frame_weeks": counts["still"] * JUDGED / WEEK}
    for name in ("kibitz", "three_sigmas"):
        figures[f"{name}.false_alarms_per_1000_frame_weeks"] = (
            1000 * counts[f"{name} false"] / figures["frame_weeks"]
        )
        figures[f"{name}.plus_10_percent_found_in_12_h"] = counts[f"{name} ten"] / counts["ten"]
        figures[f"{name}.plus_5_percent_found_in_48_h"] = counts[f"{name} five"] / counts["five"]
    return figures


def large_steps(seeds: range, *, frames: int = FRAMES, burst_slots: int = 2) -> dict[str, float]:
    """Steps of 50 % within half an hour, and how often the fast path is wrong over a day of five-minute slots.

    A spike takes ``burst_slots`` slots of its hour; with `SLOTS_AN_HOUR` it fills it, and nothing tells it from a step
    while it lasts.
    """
    counts: Counter[str] = Counter()
    for seed in seeds:
        rng = np.random.default_rng(10_000 + seed)
        data = synthetic(seed, {}, frames=frames, hours=HISTORY)
        known = baseline(data.shares, np.arange(HISTORY), data.samples.astype(float))
        usual, scale = known.usual[:, -24:], known.scale[:, 0]
        hourly = expected(rng, data.level, 24, spikes=False)
        slots = np.repeat(hourly, SLOTS_AN_HOUR, axis=1)
        for frame, hour in zip(*np.nonzero(rng.random((frames, 24)) < 0.01), strict=True):
            first = hour * SLOTS_AN_HOUR + rng.integers(0, SLOTS_AN_HOUR - burst_slots + 1)
            extra = (rng.uniform(1.2, 2.5) - 1) * SLOTS_AN_HOUR / burst_slots
            slots[frame, first : first + burst_slots] *= 1 + extra
        n = SAMPLES // SLOTS_AN_HOUR
        seen = rng.binomial(n, np.minimum(slots, 1.0)) / n
        samples = np.full(fast.SLOTS, n)
        wrong: set[int] = set()
        naive: set[int] = set()
        mean, spread = data.shares.mean(axis=1), data.shares.std(axis=1)
        for last in range(fast.SLOTS, slots.shape[1] + 1):
            level = usual[:, (last - 1) // SLOTS_AN_HOUR]
            wrong.update(fast.large_steps(seen[:, last - fast.SLOTS : last], samples, level, scale).tolist())
            naive.update(np.flatnonzero(np.abs(seen[:, last - 1] - mean) > 3 * spread).tolist())
        counts["wrong"] += len(wrong)
        counts["naive"] += len(naive)
        # Half an hour after a step in the middle of a slot, five whole slots and a half have it.
        rate = np.repeat(hourly[:, :1], 6, axis=1)
        rate[:, 0] *= 1 + 0.5 * rng.random(frames)
        rate[:, 1:] *= 1.5
        after = rng.binomial(n, np.minimum(rate, 1.0)) / n
        found: set[int] = set()
        for last in range(fast.SLOTS, 6):
            found.update(
                fast.large_steps(after[:, last - fast.SLOTS : last], samples, usual[:, 0], scale).tolist()
            )
        large = set(np.flatnonzero(data.level >= LARGE_SHARE).tolist())
        counts["found"] += len(found & large)
        counts["large"] += len(large)
    weeks = len(seeds) * frames * 24 / WEEK
    return {
        "kibitz.plus_50_percent_found_in_30_min": counts["found"] / counts["large"],
        "kibitz.fast_false_alarms_per_1000_frame_weeks": 1000 * counts["wrong"] / weeks,
        "three_sigmas.fast_false_alarms_per_1000_frame_weeks": 1000 * counts["naive"] / weeks,
    }


def call_tree(rng: np.random.Generator, functions: int) -> Ints:
    """Each function's caller (functions,), -1 for the first one; a caller comes before what it calls."""
    callers = np.array([-1, *(int(rng.integers(max(0, at - 30), at)) for at in range(1, functions))])
    return np.asarray(callers, np.int64)


@dataclass(frozen=True, slots=True)
class Edit:
    """A program before and after an edit: self shares (functions, hours), and the callers (functions,) of each time."""

    own: Floats
    before: Ints
    after: Ints


def program(seed: int, plant: str, functions: int = 200) -> tuple[Series, Ints, int, int]:
    """A program's series over 16 days with ``plant`` ("cause", or one of `REFACTORS`) in the last 24 hours.

    Also samples (hours,), the function that changed, and by how many series it shows (those a caller of it and itself).
    """
    rng = np.random.default_rng(20_000 + seed)
    callers = call_tree(rng, functions)
    hours = HISTORY + 24
    own = expected(rng, rng.dirichlet(np.full(functions, 0.5)), hours, spikes=False)
    share = own[:, :HISTORY].mean(axis=1)
    changed = int(rng.choice(np.flatnonzero((share >= LARGE_SHARE) & (callers >= 0))))
    edit = Edit(own, callers, callers)
    if plant == "cause":
        own[changed, HISTORY:] *= rng.uniform(1.3, 3.0)
    else:
        edit = REFACTORS[plant](rng, edit, changed)
    samples = np.full(hours, SAMPLES)
    counts = np.stack([rng.multinomial(SAMPLES, column / column.sum()) for column in edit.own.T], axis=1)
    seen = counts / counts.sum(axis=0)
    total = np.concatenate(
        [totals(seen[:, :HISTORY], edit.before), totals(seen[:, HISTORY:], edit.after)], axis=1
    )
    names = [f"f{at}" for at in range(len(seen))]
    calls = np.unique(np.concatenate([_calls(edit.before), _calls(edit.after)]), axis=0)
    return (
        with_self(names, total, seen, edit.before, calls),
        samples,
        changed,
        len(path(changed, edit.before)),
    )


def totals(own: Floats, callers: Ints) -> Floats:
    """Total shares (functions, hours) of self shares."""
    total = np.zeros_like(own)
    for at in range(len(own)):
        total[path(at, callers)] += own[at]
    return total


def path(at: int, callers: Ints) -> list[int]:
    """A function and its callers, outwards."""
    found = [at]
    while callers[found[-1]] >= 0:
        found.append(int(callers[found[-1]]))
    return found


def _calls(callers: Ints) -> Ints:
    called = np.flatnonzero(callers >= 0)
    return np.stack([called, callers[called]], axis=1)


def _with_new(edit: Edit, callers: list[int]) -> tuple[Edit, list[int]]:
    """The edit with new functions, one for each of their ``callers``, that do nothing yet; and which they are."""
    first = len(edit.own)
    new = np.zeros((len(callers), edit.own.shape[1]))
    added = np.array(callers, np.int64)
    grown = Edit(
        np.concatenate([edit.own, new]),
        np.concatenate([edit.before, added]),
        np.concatenate([edit.after, added]),
    )
    return grown, list(range(first, first + len(callers)))


def _give(edit: Edit, source: int, target: int, part: float) -> None:
    """From the edit on, ``target`` does that part of what ``source`` did."""
    work = edit.own[source, HISTORY:] * part
    edit.own[source, HISTORY:] -= work
    edit.own[target, HISTORY:] += work


def helper_beside(rng: np.random.Generator, edit: Edit, changed: int) -> Edit:
    """A new function beside it does some of its work."""
    edit, (new,) = _with_new(edit, [int(edit.before[changed])])
    _give(edit, changed, new, float(rng.choice([0.5, 0.8])))
    return edit


def helper_below(rng: np.random.Generator, edit: Edit, changed: int) -> Edit:
    """A new function that it calls does some of its work."""
    edit, (new,) = _with_new(edit, [changed])
    _give(edit, changed, new, float(rng.choice([0.5, 0.8, 1.0])))
    return edit


def inlined(_: np.random.Generator, edit: Edit, changed: int) -> Edit:
    """Its caller does its work."""
    _give(edit, changed, int(edit.before[changed]), 1.0)
    return edit


def renamed(_: np.random.Generator, edit: Edit, changed: int) -> Edit:
    """It has a new name, and calls what it called."""
    edit, (new,) = _with_new(edit, [int(edit.before[changed])])
    _give(edit, changed, new, 1.0)
    edit.after[edit.after == changed] = new
    return edit


def file_moved(rng: np.random.Generator, edit: Edit, changed: int) -> Edit:
    """It and a dozen others of its file have new names, and so do their calls of each other."""
    others = rng.choice(np.arange(1, len(edit.own)), 12, replace=False).tolist()
    old = sorted({changed, *others})
    edit, new = _with_new(edit, [int(edit.before[at]) for at in old])
    for source, target in zip(old, new, strict=True):
        _give(edit, source, target, 1.0)
    for source, target in zip(old, new, strict=True):
        edit.after[edit.after == source] = target
        edit.before[len(edit.own) - len(new) :][edit.before[len(edit.own) - len(new) :] == source] = target
    return edit


def split(rng: np.random.Generator, edit: Edit, changed: int) -> Edit:
    """Two new functions do its work and make its calls, one below the other or both below its caller."""
    caller = int(edit.before[changed])
    edit, (one, other) = _with_new(edit, [caller, caller])
    if rng.random() < 0.5:
        edit.before[other] = edit.after[other] = one
    _give(edit, changed, one, float(rng.uniform(0.2, 0.8)))
    _give(edit, changed, other, 1.0)
    for callee in np.flatnonzero(edit.after == changed).tolist():
        edit.after[callee] = rng.choice([one, other])
    return edit


def wrapped(rng: np.random.Generator, edit: Edit, changed: int) -> Edit:
    """A new function stands between it and its caller, with next to no work of its own."""
    edit, (new,) = _with_new(edit, [int(edit.before[changed])])
    _give(edit, changed, new, float(rng.choice([0.0, 0.01])))
    edit.after[changed] = new
    return edit


def unwrapped(rng: np.random.Generator, edit: Edit, changed: int) -> Edit:
    """A function that stood between it and its caller is gone."""
    edit, (old,) = _with_new(edit, [int(edit.before[changed])])
    part = float(rng.choice([0.0, 0.01]))
    edit.own[old, :HISTORY] = part * edit.own[changed, :HISTORY]
    edit.own[changed, :HISTORY] *= 1 - part
    edit.before[changed] = old
    return edit


def wrapped_all(_: np.random.Generator, edit: Edit, changed: int) -> Edit:
    """A chain of three new functions stands between the first function on its path and what that calls."""
    top = path(changed, edit.before)[-2]
    edit, new = _with_new(edit, [int(edit.before[top]), -1, -1])
    for outer, inner in zip(new, [*new[1:], top], strict=True):
        edit.after[inner] = outer
        if inner in new:
            edit.before[inner] = outer
    return edit


Refactor = Callable[[np.random.Generator, Edit, int], Edit]
REFACTORS: dict[str, Refactor] = {
    one.__name__: one
    for one in (
        helper_beside, helper_below, inlined, renamed, file_moved, split, wrapped, unwrapped, wrapped_all,
    )
}  # fmt: skip


def planted(seeds: range) -> dict[str, float]:
    """Causes with one alarm that names them, beside three sigmas over all functions."""
    counts: Counter[str] = Counter()
    for seed in seeds:
        series, samples, changed, above = program(seed, "cause")
        found = [one for one in causes(series, samples) if one.last >= HISTORY]
        counts["one"] += len(found) == 1
        counts["named"] += any(series.names[one.frame] == f"f{changed}" for one in found)
        counts["naive one"] += len(_naive_names(series)) == 1
        counts["above"] += above
    whole = len(seeds)
    return {
        "kibitz.one_alarm_per_cause": counts["one"] / whole,
        "kibitz.cause_named": counts["named"] / whole,
        "three_sigmas.one_alarm_per_cause": counts["naive one"] / whole,
        "mean_depth_of_cause": counts["above"] / whole,
    }


def refactored(seeds: range) -> dict[str, float]:
    """Refactors without any alarm, of each kind and of all; beside three sigmas."""
    silent: Counter[str] = Counter()
    naive = 0
    for kind in REFACTORS:
        for seed in seeds:
            series, samples, _, _ = program(seed, kind)
            silent[kind] += not [one for one in causes(series, samples) if one.last >= HISTORY]
            naive += not _naive_names(series)
    whole = len(seeds) * len(REFACTORS)
    return {
        "kibitz.refactors_silent": silent.total() / whole,
        "three_sigmas.refactors_silent": naive / whole,
        **{f"kibitz.refactors_silent.{kind}": silent[kind] / len(seeds) for kind in REFACTORS},
    }


def _naive_names(series: Series) -> set[int]:
    shares = series.shares[: series.frames]
    return three_sigmas(Synthetic(shares, shares[:, 0], np.empty(0, np.int64)), shares.shape[1])


def speed(frames: int = 10_000) -> dict[str, float]:
    """Seconds to score two weeks of hours, the best of three."""
    data = synthetic(0, {}, frames=frames, hours=HISTORY)
    taken = []
    for _ in range(3):
        begun = time.perf_counter()
        deviations(data.shares, data.shares, data.samples)
        taken.append(time.perf_counter() - begun)
    common_factor(data.shares, data.samples.astype(float))
    return {"kibitz.seconds_for_10000_frames_14_days": min(taken)}


def main() -> None:
    """Print one JSON line per figure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="3 seeds: a smoke run")
    parser.add_argument("--seeds", type=int, default=100)
    args = parser.parse_args()
    seeds = range(3 if args.quick else args.seeds)
    few = range(max(1, len(seeds) // 25))
    show(steps(seeds), len(seeds))
    show(large_steps(seeds), len(seeds))
    whole_hours = large_steps(few, burst_slots=SLOTS_AN_HOUR)
    show({f"{name} (spikes of a whole hour)": value for name, value in whole_hours.items()}, len(few))
    show(planted(seeds), len(seeds))
    show(refactored(seeds), len(seeds))
    show(speed(), 1)


def show(figures: dict[str, float], seeds: int) -> None:
    """A line each."""
    for name, value in figures.items():
        print(json.dumps({"figure": name, "value": round(value, 4), "seeds": seeds}), flush=True)


if __name__ == "__main__":
    main()
