"""Is a candidate slower than a baseline? Statistics over blocks: one host's samples of one hour, by function.

Shares are never compared: when one function grows, the shares of all others fall. Each block has a size instead, the
median over its functions of count to usual count, and a function is judged by its count over that size. What is
replicated are hosts and hours, never samples. The bounds are those of a normal mixture sequence, which hold however often
one looks, and functions are found under a false discovery rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class Verdict(StrEnum):
    """What a gate is told."""

    PASS = "pass"
    FAIL = "fail"
    NOT_ENOUGH = "not enough data"


@dataclass(frozen=True, slots=True)
class Limits:
    """``max_regression``: growth of a function's CPU time (0.05: 5 %) above which the candidate is refused.

    ``detectable``: a growth that must be visible, else there is not enough data. ``false_discovery``: of the functions
    found, the share that may be found by chance. ``least_share``: smaller functions are not judged. ``least_samples``:
    smaller blocks are left out; ``least_blocks``: so many are needed on each side.
    """

    max_regression: float = 0.05
    detectable: float = 0.25
    false_discovery: float = 0.01
    least_share: float = 0.01
    least_samples: int = 200
    least_blocks: int = 3


@dataclass(frozen=True, slots=True)
class Blocks:
    """``own`` and ``total``: (frames, blocks) counts; ``host``: (blocks,) numbers of hosts; ``frames``: names."""

    frames: Sequence[str]
    own: Floats
    total: Floats
    host: npt.NDArray[np.int64]
    is_candidate: Flags


@dataclass(frozen=True, slots=True)
class Change:
    """A function's change: ``estimate`` and its bounds as growth (0.1: 10 % more); ``share`` in the candidate."""

    frame: str
    estimate: float
    low: float
    high: float
    share: float
    p: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """``regressions`` decide; ``detectable`` is the growth that could be seen in a typical function."""

    verdict: Verdict
    reason: str
    regressions: tuple[Change, ...]
    detectable: float
    blocks: tuple[int, int]
    hosts: tuple[int, int]


_BIG = 20.0  # counts a block: below, a ratio is mostly chance
_LEAST_BIG = 3
_PRIOR_DEGREES = 4.0
_TUNED_FOR = 12.0  # units at which the sequence is narrowest


def judge(blocks: Blocks, limits: Limits) -> Judgement:
    """The verdict on the candidate's blocks against the baseline's."""
    blocks = _kept(blocks, blocks.own.sum(axis=0) >= limits.least_samples)
    sides = [~blocks.is_candidate, blocks.is_candidate]
    counts = (int(sides[0].sum()), int(sides[1].sum()))
    hosts = (len(set(blocks.host[sides[0]].tolist())), len(set(blocks.host[sides[1]].tolist())))

    def lacking(reason: str, detectable: float = float("inf")) -> Judgement:
        return Judgement(Verdict.NOT_ENOUGH, reason, (), detectable, counts, hosts)

    if min(counts) < limits.least_blocks:
        return lacking(
            f"{counts[0]} and {counts[1]} blocks (a host's hour of {limits.least_samples} samples or more);"
            f" {limits.least_blocks} are needed on each side"
        )
    sizes = block_sizes(blocks.own)
    if sizes is None:
        return lacking("too few functions with enough samples to compare by")
    changes = _changes(blocks, sizes, limits)
    if not changes:
        return lacking(f"no function has {limits.least_share:.0%} of the samples")
    detectable = float(np.expm1(np.median([np.log1p(one.high) - np.log1p(one.estimate) for one in changes])))
    found = discovered([one.p for one in changes], limits.false_discovery)
    bad = [
        one
        for one, is_found in zip(changes, found, strict=True)
        if is_found and one.estimate > limits.max_regression
    ]
    if bad:
        bad.sort(key=lambda one: -one.share * one.estimate / (1 + one.estimate))
        reason = f"{len(bad)} function{'s' * (len(bad) > 1)} slower by more than {limits.max_regression:.0%}"
        return Judgement(Verdict.FAIL, reason, tuple(bad), detectable, counts, hosts)
    if detectable > limits.detectable:
        return lacking(
            f"only changes of {detectable:.0%} or more could be seen, {limits.detectable:.0%} is wanted",
            detectable,
        )
    reason = f"no function slower by more than {limits.max_regression:.0%}; changes from {detectable:.0%} on could be seen"
    return Judgement(Verdict.PASS, reason, (), detectable, counts, hosts)


def block_sizes(own: Floats) -> Floats | None:
    """(blocks,): each block's size by the median of ratios; None with fewer than three functions to go by."""
    big = own.mean(axis=1) >= _BIG
    if int(big.sum()) < _LEAST_BIG:
        return None
    logs = np.log(own[big] + 0.5)
    return np.asarray(np.exp(np.median(logs - logs.mean(axis=1)[:, None], axis=0)))


def _changes(blocks: Blocks, sizes: Floats, limits: Limits) -> list[Change]:
    candidate = blocks.is_candidate
    whole = blocks.own.sum(axis=0)
    share = np.maximum(
        blocks.total[:, candidate].sum(axis=1) / whole[candidate].sum(),
        blocks.total[:, ~candidate].sum(axis=1) / whole[~candidate].sum(),
    )
    rows = np.flatnonzero(share >= limits.least_share)
    if not len(rows):
        return []
    y = np.log(blocks.total[rows] + 0.5) - np.log(sizes)
    before, after = (_side(y[:, side], blocks.host[side]) for side in (~candidate, candidate))
    estimate = after[0] - before[0]
    degrees = before[2] + after[2]
    variance = before[1] + after[1]  # of the estimate
    variance = (degrees * variance + _PRIOR_DEGREES * np.median(variance)) / (degrees + _PRIOR_DEGREES)
    # The variance is itself estimated, from few units: widen as Student's t is wider than the normal.
    units = degrees + 2
    error = np.sqrt(variance * (1 + 2 / max(1.0, degrees)))
    radius = error * bound(units, limits.false_discovery)
    p = always_valid_p(estimate / error, units)
    growth, low, high = (
        np.expm1(value).tolist() for value in (estimate, estimate - radius, estimate + radius)
    )
    return [
        Change(
            blocks.frames[row],
            growth[i],
            low[i],
            high[i],
            float(share[row]),
            float(p[i]) if growth[i] > 0 else 1.0,
        )
        for i, row in enumerate(rows.tolist())
    ]


def _side(y: Floats, host: npt.NDArray[np.int64]) -> tuple[Floats, Floats, float]:
    """Mean over hosts, its variance, and degrees of freedom. The variance is the larger of that over hosts and over blocks."""
    hosts = np.unique(host)
    means = np.stack([y[:, host == one].mean(axis=1) for one in hosts], axis=1)
    mean = means.mean(axis=1)
    by_block = y.var(axis=1, ddof=1) / y.shape[1]
    if len(hosts) < 3:  # hosts cannot be told from one another: blocks speak alone
        return mean, by_block, float(y.shape[1] - 1)
    by_host = means.var(axis=1, ddof=1) / len(hosts)
    return mean, np.maximum(by_block, by_host), float(len(hosts) - 1)


def bound(units: float, alpha: float) -> float:
    """How many standard errors wide the sequence is after ``units`` observations: it holds at all times at once."""
    r = units / _TUNED_FOR
    return float(np.sqrt((r + 1) / r * (np.log(r + 1) - 2 * np.log(alpha))))


def always_valid_p(z: Floats, units: float) -> Floats:
    """The smallest alpha whose bound leaves 0 out, by z in standard errors; at most 1."""
    r = units / _TUNED_FOR
    return np.asarray(np.minimum(1.0, np.sqrt(r + 1) * np.exp(-(z**2) * r / (2 * (r + 1)))))


def discovered(p: Sequence[float], rate: float) -> Flags:
    """Which p values are found at a false discovery ``rate`` (Benjamini and Hochberg)."""
    values = np.asarray(p, np.float64)
    order = np.argsort(values)
    fits = np.flatnonzero(values[order] <= rate * np.arange(1, len(values) + 1) / len(values))
    found = np.zeros(len(values), bool)
    if len(fits):
        found[order[: fits[-1] + 1]] = True
    return found


def _kept(blocks: Blocks, keep: Flags) -> Blocks:
    return Blocks(
        blocks.frames,
        blocks.own[:, keep],
        blocks.total[:, keep],
        blocks.host[keep],
        blocks.is_candidate[keep],
    )
