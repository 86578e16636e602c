"""Anomalies: hours in which a function's share of the samples is far from what it usually is.

Each frame is judged against itself: the median of its hourly shares is its baseline, their median absolute deviation
(MAD) its scale. The scale is never taken for smaller than chance alone makes it: with n samples behind an hour, a share
p has a standard error of sqrt(p (1 - p) / n). What is far by that measure must also be large enough to matter, and hours
with few samples are not judged. Of frames that changed together only the innermost that explains the change is named.

All functions work on arrays; only `detect_group` knows the store.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kibitz_server import query
from kibitz_server.findings import anomaly
from kibitz_server.store import Ints, Span, Store, StoredFinding

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

HISTORY_S = 14 * 86_400.0
RECENT_HOURS = 48

_MAD_TO_SIGMA = 1.4826  # of a normal distribution


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When an hour counts as unusual. Shares are fractions of all samples of the hour.

    ``sigmas``: distance from the median in scales; 6 keeps one frame silent for years of noise.
    ``least_change``: and at least so much of the whole application; ``least_ratio``: and of the baseline.
    ``least_samples``: hours with fewer are not judged; ``least_hours``: nor frames with a shorter history.
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


def scores(shares: Floats, samples: Ints, limits: Thresholds = DEFAULT_THRESHOLDS) -> tuple[Floats, Floats]:
    """How far each hour is from the frame's baseline, in scales: (frames, hours); and the baseline (frames,).

    0 where an hour is not judged. ``shares`` is (frames, hours), ``samples`` (hours,).
    """
    judged = samples >= limits.least_samples
    result = np.zeros_like(shares)
    if judged.sum() < limits.least_hours:
        return result, np.zeros(len(shares))
    history = shares[:, judged]
    usual = np.median(history, axis=1)
    mad = np.median(np.abs(history - usual[:, None]), axis=1) * _MAD_TO_SIGMA
    # Chance alone, at the baseline; a frame that is usually absent still has a share of its own to be compared with.
    p = np.clip(usual, 1.0 / samples[judged].max(), 1.0)[:, None]
    chance = np.sqrt(p * (1 - p) / samples[judged][None, :])
    result[:, judged] = (history - usual[:, None]) / np.maximum(mad[:, None], np.maximum(chance, 1e-12))
    return result, usual


def deviations(shares: Floats, samples: Ints, limits: Thresholds = DEFAULT_THRESHOLDS) -> list[Deviation]:
    """All runs of unusual hours in the same direction; hours that are not judged neither make nor break a run."""
    distance, usual = scores(shares, samples, limits)
    change = shares - usual[:, None]
    unusual = (
        (np.abs(distance) >= limits.sigmas)
        & (np.abs(change) >= limits.least_change)
        & (np.abs(change) >= limits.least_ratio * usual[:, None])
    )
    judged = samples >= limits.least_samples
    found = []
    for frame in np.flatnonzero(unusual.any(axis=1)).tolist():
        direction = np.where(unusual[frame], np.sign(change[frame]), 0).astype(int)
        for first, last in _runs(direction, judged):
            hours = np.arange(first, last + 1)[judged[first : last + 1]]
            seen = float(np.average(shares[frame, hours], weights=samples[hours]))
            found.append(Deviation(frame, first, last, float(usual[frame]), seen))
    return found


def _runs(direction: npt.NDArray[np.int_], judged: Flags) -> Iterator[tuple[int, int]]:
    first = last = -1
    for hour in np.flatnonzero(judged).tolist():
        if first >= 0 and direction[hour] != direction[first]:
            yield first, last
            first = -1
        if direction[hour]:
            first = hour if first < 0 else first
            last = hour
    if first >= 0:
        yield first, last


def innermost(found: Sequence[Deviation], callers: Ints) -> list[Deviation]:
    """One deviation a cause: a caller whose change is that of something it calls is left out.

    ``callers`` is (frames,): the frame that usually calls each one, -1 for none. A caller is explained when the changes of
    those below it, in the same direction and overlapping in time, add up to most of its own.
    """
    explained: dict[int, float] = {}
    for index, inner in enumerate(found):
        for at, outer in enumerate(found):
            if at != index and _calls(callers, outer.frame, inner.frame) and _together(outer, inner):
                explained[at] = max(explained.get(at, 0.0), inner.change / outer.change)
    return [deviation for at, deviation in enumerate(found) if explained.get(at, 0.0) < 0.8]


def _calls(callers: Ints, outer: int, inner: int) -> bool:
    seen = set()
    while inner >= 0 and inner not in seen:
        seen.add(inner)
        inner = int(callers[inner])
        if inner == outer:
            return True
    return False


def _together(outer: Deviation, inner: Deviation) -> bool:
    return (
        (outer.change > 0) == (inner.change > 0) and outer.first <= inner.last and inner.first <= outer.last
    )


def detect_group(
    store: Store, group: str, now: float, limits: Thresholds = DEFAULT_THRESHOLDS
) -> list[StoredFinding]:
    """The group's anomalies of the last `RECENT_HOURS`, judged against the last `HISTORY_S` seconds.

    The hour that is still filling is left out: it will be judged when it is whole.
    """
    end = np.floor(now / query.HOUR_S) * query.HOUR_S
    shares = query.hourly_shares(store, Span(group, end - HISTORY_S, end))
    found = deviations(shares.total_share, shares.samples, limits)
    recent = [deviation for deviation in found if deviation.last >= len(shares.hours) - RECENT_HOURS]
    return [
        anomaly(
            group=group,
            frame=shares.frames[deviation.frame].name,
            start=float(shares.hours[deviation.first]),
            end=float(shares.hours[deviation.last]) + query.HOUR_S,
            usual=deviation.usual,
            seen=deviation.seen,
            revision=_new_revision(shares.revisions, deviation.first),
        )
        for deviation in innermost(recent, shares.stack_parent)
    ]


def _new_revision(revisions: Sequence[frozenset[str]], hour: int) -> str:
    """The revision first seen in the hour the change began, or the one before it."""
    before = frozenset().union(*revisions[: max(0, hour - 1)])
    fresh = (frozenset().union(*revisions[max(0, hour - 1) : hour + 1]) - before) - {""}
    return min(fresh) if before and fresh else ""
