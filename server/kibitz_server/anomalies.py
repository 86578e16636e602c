"""Anomalies: hours in which a function's share of the samples is far from what it usually is.

Each frame is judged against itself: the median of its hourly shares is its baseline, their median absolute deviation
(MAD) its scale. What is far by that scale must also be far by chance alone: an hour's samples are counts, and of few a
share says little. It must be large enough to matter, and hours with few samples are not judged.

One cause, one alarm. Shares add up to one, so a frame that grows makes all others smaller: that common factor, the median
of ratios, is taken out first. And of frames that changed together only the innermost that explains the change is named.

All functions work on arrays; only `detect_group` knows the store.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kibitz_server import query
from kibitz_server.findings import anomaly, continued
from kibitz_server.store import Ints, Span, Store, StoredFinding

Floats = npt.NDArray[np.float64]
Signs = npt.NDArray[np.int64]

HISTORY_S = 14 * 86_400.0
RECENT_HOURS = 48

_MAD_TO_SIGMA = 1.4826  # of a normal distribution
_SHORT_HISTORY = 12.0  # hours
_EXPLAINED = 0.8
_RATIO_SAMPLES = 100  # a ratio of so many samples is right to about 10 %
_LEAST_FACTOR = 0.01


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When an hour counts as unusual. Shares are fractions of all samples of the hour.

    ``sigmas``: distance from the median in scales; 6 keeps one frame silent for years of noise.
    ``least_change``: and at least so much of the whole application; ``least_ratio``: and of the baseline.
    ``least_samples``: hours with fewer are not judged; ``least_hours``: nor is any without so many judged before it.
    """

    sigmas: float = 6.0
    least_change: float = 0.005
    least_ratio: float = 0.05
    least_samples: int = 300
    least_hours: int = 6


DEFAULT_THRESHOLDS = Thresholds()


@dataclass(frozen=True, slots=True)
class Deviation:
    """A run of unusual hours of one frame: [first, last] are columns, shares are fractions."""

    frame: int
    first: int
    last: int
    usual: float
    seen: float

    @property
    def change(self) -> float:
        """By how much of the whole the share differs; negative when it fell."""
        return self.seen - self.usual


def deviations(
    total_share: Floats, self_share: Floats, samples: Ints, limits: Thresholds = DEFAULT_THRESHOLDS
) -> list[Deviation]:
    """All runs of unusual hours in the same direction; hours that are not judged neither make nor break a run.

    ``total_share`` and ``self_share`` are (frames, hours), ``samples`` is (hours,): those behind each hour.
    """
    judged = np.flatnonzero(samples >= limits.least_samples)
    if len(judged) <= limits.least_hours:
        return []
    shares, weights = total_share[:, judged], samples[judged].astype(np.float64)
    factor = common_factor(self_share[:, judged], weights)
    # The share alone blames a frame for what another one did; without the common factor, a caller of everything seems to
    # change. Both must say the same.
    direction = unusual(shares, weights, limits)
    direction[direction != unusual(shares / factor, weights * factor, limits)] = 0
    usual = np.median(shares, axis=1)
    found = []
    for frame in np.flatnonzero(direction.any(axis=1)).tolist():
        for first, last in _runs(direction[frame]):
            if first < limits.least_hours:  # with so little before it, it may as well be the usual state
                continue
            run = slice(first, last + 1)
            seen = float(np.average(shares[frame, run], weights=weights[run]))
            found.append(Deviation(frame, int(judged[first]), int(judged[last]), float(usual[frame]), seen))
    return found


def unusual(shares: Floats, weights: Floats, limits: Thresholds = DEFAULT_THRESHOLDS) -> Signs:
    """1 where a frame's hour is far above what the frame usually has, -1 where far below, else 0: (frames, hours).

    ``shares`` is (frames, hours), ``weights`` (hours,): how many samples each share rests on.
    """
    usual = np.median(shares, axis=1)[:, None]
    change = shares - usual
    mad = np.median(np.abs(change), axis=1)[:, None] * _MAD_TO_SIGMA
    # Of few hours a MAD is often small by luck alone.
    scale = np.maximum(mad * (1 + _SHORT_HISTORY / max(1, len(weights))), 1e-12)
    least = np.maximum(limits.least_change, limits.least_ratio * usual)
    far = (np.abs(change) >= limits.sigmas * scale) & (np.abs(change) >= least)
    far &= by_chance(shares, usual, weights) >= limits.sigmas
    return np.where(far, np.sign(change), 0).astype(np.int64)


def by_chance(shares: Floats, usual: Floats, weights: Floats) -> Floats:
    """Distance from ``usual`` (frames, 1) in standard deviations of counting: (frames, hours), the root of the deviance.

    The plain standard error makes too much of rare frames, whose counts are far from normal.
    """
    # A frame absent from half of all hours may still be expected in each of them ln 2 times.
    rarest = min(0.5, float(np.log(2) / np.median(weights)))
    p = np.clip(usual, rarest, 1 - rarest)
    seen = np.clip(shares, 1e-300, 1.0)
    unseen = np.clip(1 - shares, 1e-300, 1.0)
    deviance = 2 * weights * (seen * np.log(seen / p) + unseen * np.log(unseen / (1 - p)))
    return np.asarray(np.sqrt(np.maximum(deviance, 0.0)))


def common_factor(self_share: Floats, weights: Floats) -> Floats:
    """By what all shares of an hour are scaled because one frame took or gave much: (hours,), 1 where it cannot be told.

    The median of ratios to the baseline, over frames with enough samples for a ratio to mean something (DESeq's size
    factor, Anders and Huber 2010). Self shares, for they alone add up to one.
    """
    usual = np.median(self_share, axis=1)[:, None]
    steady = usual * weights >= _RATIO_SAMPLES
    ratios = np.where(steady, self_share / np.maximum(usual, 1e-12), np.nan)
    factor = np.ones(self_share.shape[1])
    # With fewer than three, one that grew cannot be told from all the others that shrank.
    told = np.flatnonzero(steady.sum(axis=0) >= 3)
    factor[told] = np.nanmedian(ratios[:, told], axis=0)
    return np.maximum(factor, _LEAST_FACTOR)


def _runs(direction: Signs) -> Iterator[tuple[int, int]]:
    """First and last position of each stretch of equal values other than 0."""
    edges = np.flatnonzero(np.diff(direction, prepend=0, append=0))
    for first, after in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if direction[first]:
            yield first, after - 1


def innermost(found: Sequence[Deviation], callers: Ints) -> list[Deviation]:
    """One deviation a cause: a caller whose change is that of something it calls is left out.

    ``callers`` is (frames,): the frame that usually calls each one, -1 for none. A caller is explained when the changes
    right below it, in the same direction and overlapping in time, add up to most of its own.
    """
    of_frame: dict[int, list[int]] = {}
    for index, deviation in enumerate(found):
        of_frame.setdefault(deviation.frame, []).append(index)
    explained = [0.0] * len(found)
    for inner in found:
        for index in _nearest_above(inner, found, of_frame, callers):
            explained[index] += inner.change / found[index].change
    return [deviation for at, deviation in enumerate(found) if explained[at] < _EXPLAINED]


def _nearest_above(
    inner: Deviation, found: Sequence[Deviation], of_frame: dict[int, list[int]], callers: Ints
) -> list[int]:
    """Positions of the deviations of the nearest caller that changed together with ``inner``."""
    passed = {inner.frame}
    caller = int(callers[inner.frame])
    while caller >= 0 and caller not in passed:
        together = [index for index in of_frame.get(caller, ()) if _together(found[index], inner)]
        if together:
            return together
        passed.add(caller)
        caller = int(callers[caller])
    return []


def _together(outer: Deviation, inner: Deviation) -> bool:
    return (
        (outer.change > 0) == (inner.change > 0) and outer.first <= inner.last and inner.first <= outer.last
    )


def detect_group(
    store: Store, group: str, now: float, limits: Thresholds = DEFAULT_THRESHOLDS
) -> list[StoredFinding]:
    """The group's anomalies of the last `RECENT_HOURS`, judged against the last `HISTORY_S` seconds.

    The hour that is still filling is left out: it will be judged when it is whole. An anomaly that is known already
    keeps its id, even when its edges look a little different now.
    """
    end = float(np.floor(now / query.HOUR_S) * query.HOUR_S)
    shares = query.hourly_shares(store, Span(group, end - HISTORY_S, end))
    names, total_share, self_share, callers = by_name(shares)
    found = deviations(total_share, self_share, shares.samples, limits)
    recent = [deviation for deviation in found if deviation.last >= len(shares.hours) - RECENT_HOURS]
    fresh = [
        anomaly(
            group=group,
            frame=names[deviation.frame],
            start=float(shares.hours[deviation.first]),
            end=float(shares.hours[deviation.last]) + query.HOUR_S,
            usual=deviation.usual,
            seen=deviation.seen,
            revision=_new_revision(shares.revisions, deviation.first),
        )
        for deviation in innermost(recent, callers)
    ]
    return continued(fresh, store.findings(group)) if fresh else []


def by_name(shares: query.HourlyShares) -> tuple[list[str], Floats, Floats, Ints]:
    """Names, total shares, self shares and callers, one row a name: an edit that moves a function's line is no change."""
    names = list(dict.fromkeys(frame.name for frame in shares.frames))
    position = {name: at for at, name in enumerate(names)}
    row = np.array([position[frame.name] for frame in shares.frames], np.int64)
    total, own = np.zeros((2, len(names), len(shares.hours)))
    np.add.at(total, row, shares.total_share)
    np.add.at(own, row, shares.self_share)
    callers = np.full(len(names), -1, np.int64)
    for frame in np.argsort(
        shares.total_share.sum(axis=1), kind="stable"
    ).tolist():  # the heaviest has the last word
        caller = int(shares.stack_parent[frame])
        if caller >= 0 and row[caller] != row[frame]:
            callers[row[frame]] = row[caller]
    return names, np.minimum(total, 1.0), own, callers


def _new_revision(revisions: Sequence[frozenset[str]], hour: int) -> str:
    """The revision first seen in the hour the change began, or the one before it."""
    before = frozenset().union(*revisions[: max(0, hour - 1)])
    fresh = (frozenset().union(*revisions[max(0, hour - 1) : hour + 1]) - before) - {""}
    return min(fresh) if before and fresh else ""
