"""What a series usually is at each hour, and how far it strays from that by itself. Rows are series, columns hours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kibitz_server.store import Floats, Ints

DAY_HOURS = 24
WEEK_HOURS = 7 * DAY_HOURS
HELD_OUT_HOURS = 48

_MAD_TO_SIGMA = 1.4826  # of a normal distribution
_SHORT_HISTORY = 12.0  # hours
_RATIO_SAMPLES = 100  # a ratio of so many samples is right to about 10 %
_LEAST_FACTOR = 0.01
_MOST_CORRELATED = 0.9
_CLIP = 3.0
_EVEN = 0.8
_SMOOTH = {-2: 1 / 9, -1: 2 / 9, 0: 3 / 9, 1: 2 / 9, 2: 1 / 9}


@dataclass(frozen=True, slots=True)
class Baseline:
    """``usual`` is (series, hours), ``scale`` (series, 1): one standard deviation of what is left, in shares."""

    usual: Floats
    scale: Floats


def baseline(shares: Floats, hours: Ints, weights: Floats) -> Baseline:
    """What is usual at each of ``hours`` (n,), whole numbers that grow, for ``shares`` (series, n).

    With a week of history each hour of the day has a median of its own, over all but the last two days, which are to be
    judged; a younger series has one median, and twice the scale or so. ``weights`` (n,): samples behind each share.
    """
    learnt = len(hours)
    if learnt >= WEEK_HOURS:
        learnt = max(WEEK_HOURS - HELD_OUT_HOURS, int(np.searchsorted(hours, hours[-1] - HELD_OUT_HOURS + 1)))
        usual = _by_hour_of_day(shares[:, :learnt], hours[:learnt], hours)
    else:
        usual = np.repeat(np.median(shares, axis=1)[:, None], len(hours), axis=1)
    return Baseline(usual, _scale(shares[:, :learnt] - usual[:, :learnt], usual, float(np.median(weights))))


def _by_hour_of_day(shares: Floats, learnt: Ints, hours: Ints) -> Floats:
    """Medians by hour of the day, each smoothed with the two hours on either side: (series, hours)."""
    whole = np.median(shares, axis=1)
    medians = np.repeat(whole[:, None], DAY_HOURS, axis=1)
    of_day = learnt % DAY_HOURS
    for hour in range(DAY_HOURS):
        chosen = np.flatnonzero(of_day == hour)
        if len(chosen) >= 3:
            medians[:, hour] = np.median(shares[:, chosen], axis=1)
    smooth = np.zeros_like(medians)
    for shift, weight in _SMOOTH.items():
        smooth += weight * np.roll(medians, shift, axis=1)
    return np.asarray(smooth[:, hours % DAY_HOURS])


def _scale(residual: Floats, usual: Floats, weight: float) -> Floats:
    """The residuals' MAD as a standard deviation, widened for autocorrelation, never below what counting alone gives.

    An AR(1) series with coefficient a strays, summed over hours, sqrt((1 + a) / (1 - a)) times as far as white noise.
    """
    mad = np.median(np.abs(residual), axis=1)[:, None] * _MAD_TO_SIGMA
    share = np.clip(np.median(usual, axis=1)[:, None], 0.5 / max(weight, 1.0), 0.5)
    counting = np.sqrt(share * (1 - share) / max(weight, 1.0))
    scale = np.maximum(mad, counting)
    if residual.shape[1] >= WEEK_HOURS - HELD_OUT_HOURS:
        correlated, short = _lag_one(np.clip(residual, -_CLIP * scale, _CLIP * scale)), 1.0
    else:  # a change may be a good part of all there is, and of few hours a MAD is often small by luck alone
        correlated, short = _by_differences(residual, scale), 1 + _SHORT_HISTORY / residual.shape[1]
    correlated = np.clip(correlated, 0.0, _MOST_CORRELATED)[:, None]
    return np.asarray(scale * np.sqrt((1 + correlated) / (1 - correlated)) * short)


def of_hours(known: Baseline, weights: Floats) -> Floats:
    """The scale of each hour: wider where there are fewer samples than usual; (series, hours), or (series, 1) of even ones."""
    middle = float(np.median(weights))
    if weights.min() >= _EVEN * middle:
        return known.scale
    share = np.clip(known.usual, 0.5 / max(middle, 1.0), 0.5)
    fewer = np.maximum(1 / np.maximum(weights, 1.0) - 1 / max(middle, 1.0), 0.0)
    return np.asarray(np.sqrt(known.scale**2 + share * (1 - share) * fewer))


def _by_differences(residual: Floats, scale: Floats) -> Floats:
    """Each row's correlation with itself an hour later, from the middle difference, which no single step moves: (series,)."""
    steps = np.median(np.abs(np.diff(residual, axis=1)), axis=1) * _MAD_TO_SIGMA
    return np.asarray(np.where(steps > 0, 1 - (steps / scale[:, 0]) ** 2 / 2, 0.0))


def _lag_one(residual: Floats) -> Floats:
    """Each row's correlation with itself an hour later, (series,)."""
    power = np.einsum("ij,ij->i", residual, residual)
    product = np.einsum("ij,ij->i", residual[:, 1:], residual[:, :-1])
    return np.asarray(product / np.maximum(power, 1e-300))


def by_chance(shares: Floats, usual: Floats, weights: Floats | float) -> Floats:
    """Distance from ``usual`` in standard deviations of counting, the root of the deviance; shaped as ``shares``.

    The plain standard error makes too much of rare frames, whose counts are far from normal.
    """
    # A frame absent from half of all hours may still be expected in each of them ln 2 times.
    rarest = min(0.5, float(np.log(2) / np.median(weights)))
    p = np.clip(usual, rarest, 1 - rarest)
    seen = np.clip(shares, 1e-300, 1.0)
    unseen = np.clip(1 - shares, 1e-300, 1.0)
    deviance = 2 * weights * (seen * np.log(seen / p) + unseen * np.log(unseen / (1 - p)))
    return np.asarray(np.sqrt(np.maximum(deviance, 0.0)))


def common_factor(self_share: Floats, weights: npt.NDArray[np.float64]) -> Floats:
    """By what all shares of an hour are scaled because one frame took or gave much: (hours,), 1 where it cannot be told.

    The median of ratios to the baseline, over frames with enough samples for a ratio to mean something (DESeq's size
    factor, Anders and Huber 2010). Self shares, for they alone add up to one.
    """
    usual = np.median(self_share, axis=1)[:, None]
    steady = np.flatnonzero(usual[:, 0] * np.median(weights) >= _RATIO_SAMPLES)
    factor = np.ones(self_share.shape[1])
    # With fewer than three, one that grew cannot be told from all the others that shrank.
    if len(steady) >= 3:
        # A frame of which nothing is left has another name now, or is no more: it says nothing of the others.
        ratio = np.where(self_share[steady] > 0, self_share[steady] / usual[steady], np.nan)
        told = np.isfinite(ratio).sum(axis=0) >= 2
        factor[told] = np.nanmedian(ratio[:, told], axis=0)
    return np.maximum(factor, _LEAST_FACTOR)
