"""The runs of hours in which a series is not what it usually is, by enough to matter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kibitz_server.anomalies import cusum
from kibitz_server.anomalies.baseline import baseline, by_chance, common_factor, of_hours
from kibitz_server.store import Floats, Ints


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a run of hours counts as unusual. Shares are fractions of all samples of the hour, distances are in scales.

    ``slack`` an hour may stray without adding to the sum, ``limit`` is the sum that alarms, ``clip`` the most one hour
    adds. ``least_change``: of the whole application, and ``least_ratio`` of the series itself, that the middle hour of a
    run must have changed by; ``sigmas``: and by more than so many standard deviations of counting. ``least_counts``: an hour
    must have so many samples of the series itself, before or after. ``least_samples``: hours with fewer are not judged; ``least_hours``: nor is any without so many judged before it. ``habit``: what came and went so often before is none.
    """

    slack: float = 0.65
    limit: float = 11.0
    clip: float = 3.5
    least_change: float = 0.0002
    least_ratio: float = 0.03
    sigmas: float = 5.0
    least_counts: float = 10.0
    least_samples: int = 300
    least_hours: int = 6
    habit: int = 3


DEFAULT_THRESHOLDS = Thresholds()
_NEW = 0.1
_AS_FAR, _AS_LONG = 0.6, 0.75


@dataclass(frozen=True, slots=True)
class Deviation:
    """A run of unusual hours of one series: [first, last] are columns, shares are fractions.

    ``moved``: by how much the share differs once what all series lost or gained together is taken out.
    """

    frame: int
    first: int
    last: int
    usual: float
    seen: float
    moved: float = 0.0

    @property
    def change(self) -> float:
        """By how much of the whole the share differs; negative when it fell."""
        return self.seen - self.usual


def is_new_or_gone(deviation: Deviation) -> bool:
    """Whether there is next to nothing of it before, or after."""
    return min(deviation.usual, deviation.seen) <= _NEW * max(deviation.usual, deviation.seen)


def deviations(
    total_share: Floats,
    self_share: Floats,
    samples: Ints,
    limits: Thresholds = DEFAULT_THRESHOLDS,
    factor: Floats | None = None,
) -> list[Deviation]:
    """All runs of unusual hours; hours that are not judged neither make nor break one.

    ``total_share`` is (series, hours), ``self_share`` (frames, hours), ``samples`` (hours,): those behind each hour.
    ``factor`` (hours,): what `common_factor` says of the judged hours, where that is known already.
    """
    judged = np.flatnonzero(samples >= limits.least_samples)
    if len(judged) <= limits.least_hours or not len(total_share):
        return []
    weights = samples[judged].astype(np.float64)
    if factor is None:
        factor = common_factor(self_share[:, judged], weights)
    # A series that never had as much as must change cannot have changed by it.
    rows = np.flatnonzero(total_share.max(axis=1) >= limits.least_change)
    return list(_of_rows(rows, total_share[np.ix_(rows, judged)], judged, weights, factor, limits))


def _of_rows(
    rows: Ints, shares: Floats, judged: Ints, weights: Floats, factor: Floats, limits: Thresholds
) -> Iterator[Deviation]:
    if not len(rows):
        return
    usual, corrected, distance = distances(shares, judged, weights, factor)
    found = cusum.runs(distance, slack=limits.slack, limit=limits.limit, clip=limits.clip)
    for series, sign, first, last in zip(
        found.series.tolist(), found.sign.tolist(), found.first.tolist(), found.last.tolist(), strict=True
    ):
        first += _onset(sign * distance[series, first : last + 1])
        if first < limits.least_hours:  # with so little before it, it may as well be the usual state
            continue
        run = slice(first, last + 1)
        expected = float(usual[series, run].mean())
        seen = float(np.average(shares[series, run], weights=weights[run]))
        moved = float(np.median(corrected[series, run] - usual[series, run]))
        if max(expected, seen) * float(np.median(weights[run])) < limits.least_counts:
            continue
        if _matters(sign, expected, seen, moved, float(weights[run].sum()), limits) and not is_habit(
            sign * (corrected[series] - usual[series]), first, last, limits.habit
        ):
            yield Deviation(int(rows[series]), int(judged[first]), int(judged[last]), expected, seen, moved)


def is_habit(above: Floats, first: int, last: int, times: int) -> bool:
    """Whether what [first, last] are ``above`` (hours,) the usual has been so before, that long, and gone, ``times`` times.

    A job of every other day is no news, though no hour of the day has it usually. Three quarters of the hours must have
    been nearly as far: a spike alone is not.
    """
    length = last - first + 1
    reach = float(np.median(above[first : last + 1]))
    if first < (times + 1) * length or reach <= 0:
        return False
    far = above[:first] >= _AS_FAR * reach
    within = np.convolve(far, np.ones(length), "valid") >= _AS_LONG * length
    count, at = 0, 0
    for begun in np.flatnonzero(within).tolist():
        if begun >= at:
            count, at = count + 1, begun + 2 * length
    return count >= times


def _onset(distance: Floats) -> int:
    """Where in a run the change begins: noise before a large step may have been on its side."""
    return int(np.argmax(distance >= np.median(distance) / 2))


def distances(shares: Floats, hours: Ints, weights: Floats, factor: Floats) -> tuple[Floats, Floats, Floats]:
    """What is usual, the shares without the common factor, and each hour's distance in scales; (series, hours) each.

    The share alone blames a frame for what another one did; without the common factor, a caller of everything seems to
    change. Both must say the same, and the smaller distance counts.
    """
    known = baseline(shares, hours, weights)
    scale = of_hours(known, weights)
    plain = (shares - known.usual) / scale
    if np.ptp(factor) == 0:
        return known.usual, shares, plain
    corrected = shares / factor
    other = (corrected - known.usual) / scale
    smaller = np.where(np.abs(plain) < np.abs(other), plain, other)
    smaller[np.signbit(plain) != np.signbit(other)] = 0.0
    return known.usual, corrected, smaller


def _matters(sign: int, usual: float, seen: float, moved: float, weight: float, limits: Thresholds) -> bool:
    least = max(limits.least_change, limits.least_ratio * usual)
    chance = float(by_chance(np.array([seen]), np.array([usual]), weight)[0])
    return min(sign * moved, sign * (seen - usual)) >= least and chance >= limits.sigmas
