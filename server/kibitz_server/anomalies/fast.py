"""The fast path: a large step seen in the last minutes, before whole hours can tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kibitz_server.anomalies.baseline import by_chance
from kibitz_server.store import Floats, Ints

SLOT_S = 300.0
SLOTS = 4
MOST_FRAMES = 1000
_RATIO_SAMPLES, _LEAST_RATIOS = 100, 3


@dataclass(frozen=True, slots=True)
class FastThresholds:
    """``ratio``: how many times the usual the slots together must be, ``each``: and every one of them.

    ``least_change``: of the whole application; ``sigmas``: standard deviations of counting and of the series' own straying;
    ``sigmas_of_lowest``: of the lower half of the slots alone;
    ``least_samples``: in every slot.
    """

    ratio: float = 1.35
    each: float = 1.25
    least_change: float = 0.0015
    sigmas: float = 5.0
    sigmas_of_lowest: float = 4.0
    least_samples: int = 100


def common_factor(seen: Floats, usual: Floats, samples: int) -> float:
    """By what shares (series,) are scaled because one took or gave much: the median ratio of those that are still there."""
    told = (usual * samples >= _RATIO_SAMPLES) & (seen > 0)
    return float(np.median(seen[told] / usual[told])) if told.sum() >= _LEAST_RATIOS else 1.0


def falls(seen: Floats, usual: Floats, scale: Floats, limits: FastThresholds | None = None) -> Ints:
    """The series whose share ``seen`` (series,) is far below the usual: what rose beside them may be their work."""
    limits = limits or FastThresholds()
    return np.flatnonzero(usual - seen >= np.maximum(limits.least_change, limits.sigmas * scale))


def large_steps(
    shares: Floats, samples: Ints, usual: Floats, scale: Floats, limits: FastThresholds | None = None
) -> Ints:
    """The series that are far above the usual in each of the last `SLOTS` slots of `SLOT_S` seconds; falls can wait.

    ``shares`` is (series, slots), ``samples`` (slots,); ``usual`` and ``scale`` are (series,): what the hour of the day
    usually has and how far hours stray from it. A burst of ten minutes is over before the last slot; a step is not.
    """
    limits = limits or FastThresholds()
    shares, samples = shares[:, -SLOTS:], samples[-SLOTS:]
    if shares.shape[1] < SLOTS or samples.min() < limits.least_samples:
        return np.empty(0, np.int64)
    whole = int(samples.sum())
    mean = shares @ (samples / whole)
    least = np.maximum(usual + np.maximum(limits.least_change, limits.sigmas * scale), limits.ratio * usual)
    far = np.flatnonzero((mean >= least) & (shares.min(axis=1) >= limits.each * usual))
    sure = by_chance(mean[far], usual[far], float(whole)) >= limits.sigmas
    # A burst fills some of the slots: the lowest half must be sure by itself.
    lowest = np.sort(shares[far], axis=1)[:, : SLOTS // 2].mean(axis=1)
    sure &= by_chance(lowest, usual[far], whole / 2) >= limits.sigmas_of_lowest
    return far[sure]
