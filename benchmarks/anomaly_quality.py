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
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kibitz_server.anomalies import fast
from kibitz_server.anomalies.baseline import baseline, common_factor
from kibitz_server.anomalies.deviations import deviations
from kibitz_server.anomalies.group import Series, causes, with_self

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


def program(seed: int, plant: str, functions: int = 200) -> tuple[Series, Ints, int, int]:
    """A program's series over 16 days with ``plant`` (cause, refactor) in the last 24 hours.

    Also samples (hours,), the function that changed, and by how many series it shows (those a caller of it and itself).
    """
    rng = np.random.default_rng(20_000 + seed)
    callers = call_tree(rng, functions)
    hours = HISTORY + 24
    own = expected(rng, rng.dirichlet(np.full(functions, 0.5)), hours, spikes=False)
    share = own[:, :HISTORY].mean(axis=1)
    candidates = np.flatnonzero(share >= LARGE_SHARE)
    changed = int(rng.choice(candidates))
    if plant == "cause":
        own[changed, HISTORY:] *= rng.uniform(1.3, 3.0)
    elif plant == "refactor":
        own = _refactored(rng, own, callers, changed)
        callers = _grown(callers, len(own), changed)
    samples = np.full(hours, SAMPLES)
    counts = np.stack([rng.multinomial(SAMPLES, column / column.sum()) for column in own.T], axis=1)
    seen = counts / counts.sum(axis=0)
    total = seen.copy()
    for at in range(len(seen) - 1, 0, -1):
        total[_caller_row(callers, at)] += total[at] if callers[at] >= 0 else 0
    above = 1
    at = changed
    while callers[at] >= 0:
        at, above = int(callers[at]), above + 1
    return with_self([f"f{at}" for at in range(len(seen))], total, seen, callers), samples, changed, above


def _caller_row(callers: Ints, at: int) -> int:
    return int(callers[at]) if callers[at] >= 0 else at


def _refactored(rng: np.random.Generator, own: Floats, callers: Ints, changed: int) -> Floats:
    """A new function beside ``changed`` takes some of its work (all: a new name), or its caller takes it (inlined)."""
    new = np.zeros((1, own.shape[1]))
    part = float(rng.choice([0.5, 0.8, 1.0]))
    kept = own.copy()
    kept[changed, HISTORY:] *= 1 - part
    work = own[changed, HISTORY:] * part
    if rng.random() < 0.3 and callers[changed] >= 0:
        kept[callers[changed], HISTORY:] += work
        return np.concatenate([kept, new])
    new[0, HISTORY:] = work
    return np.concatenate([kept, new])


def _grown(callers: Ints, functions: int, changed: int) -> Ints:
    return np.concatenate([callers, np.full(functions - len(callers), callers[changed])])


def planted(seeds: range) -> dict[str, float]:
    """Causes with one alarm that names them, refactors without any; beside three sigmas over all functions."""
    counts: Counter[str] = Counter()
    for seed in seeds:
        series, samples, changed, above = program(seed, "cause")
        found = [one for one in causes(series, samples) if one.last >= HISTORY]
        counts["one"] += len(found) == 1
        counts["named"] += any(series.names[one.frame] == f"f{changed}" for one in found)
        counts["naive one"] += len(_naive_names(series)) == 1
        counts["above"] += above
        series, samples, _, _ = program(seed, "refactor")
        counts["silent"] += not [one for one in causes(series, samples) if one.last >= HISTORY]
        counts["naive silent"] += not _naive_names(series)
    whole = len(seeds)
    return {
        "kibitz.one_alarm_per_cause": counts["one"] / whole,
        "kibitz.cause_named": counts["named"] / whole,
        "kibitz.refactors_silent": counts["silent"] / whole,
        "three_sigmas.one_alarm_per_cause": counts["naive one"] / whole,
        "three_sigmas.refactors_silent": counts["naive silent"] / whole,
        "mean_depth_of_cause": counts["above"] / whole,
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
    fewer, few = range(max(1, len(seeds) // 4)), range(max(1, len(seeds) // 25))
    show(steps(seeds), len(seeds))
    show(large_steps(fewer), len(fewer))
    whole_hours = large_steps(few, burst_slots=SLOTS_AN_HOUR)
    show({f"{name} (spikes of a whole hour)": value for name, value in whole_hours.items()}, len(few))
    show(planted(seeds), len(seeds))
    show(speed(), 1)


def show(figures: dict[str, float], seeds: int) -> None:
    """A line each."""
    for name, value in figures.items():
        print(json.dumps({"figure": name, "value": round(value, 4), "seeds": seeds}), flush=True)


if __name__ == "__main__":
    main()
