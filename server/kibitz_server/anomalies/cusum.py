"""Sums of what goes beyond the usual, hour by hour, and the runs of hours in which they grew too large."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kibitz_server.store import Floats, Ints


@dataclass(frozen=True, slots=True)
class Runs:
    """Excursions of the sums that became alarms, one row each: series, sign (1 or -1), first and last hour.

    ``alarmed``: the hour in which the sum passed the limit.
    """

    series: Ints
    sign: Ints
    first: Ints
    last: Ints
    alarmed: Ints


def runs(distance: Floats, *, slack: float, limit: float, clip: float) -> Runs:
    """The runs of ``distance`` (series, hours; in standard deviations), both up and down.

    A sum grows by the distance, clipped so that no hour alone is an alarm, less ``slack``, and never falls below zero
    (Page 1954). A run goes from where its sum left zero to the last hour that added to it.
    """
    series, sign, first, last, alarmed = ([np.empty(0, np.int64)] for _ in range(5))
    for direction in (1, -1):
        found = _one_sided(np.clip(direction * distance, -clip, clip) - slack, limit, 2 * limit)
        series.append(found[0])
        sign.append(np.full(len(found[0]), direction, np.int64))
        for column, values in zip((first, last, alarmed), found[1:], strict=True):
            column.append(values)
    return Runs(*(np.concatenate(column) for column in (series, sign, first, last, alarmed)))


def _one_sided(gain: Floats, limit: float, most: float) -> tuple[Ints, Ints, Ints, Ints]:
    # Only series whose sum can get there at all are walked: most cannot.
    rows = np.flatnonzero(_highest(gain, most) >= limit)
    gain = np.ascontiguousarray(gain[rows].T)
    hours, count = gain.shape
    total = np.zeros(count)
    first, last, alarmed = (np.full(count, -1, np.int64) for _ in range(3))
    ended: list[tuple[Ints, Ints, Ints, Ints]] = []

    def end(where: Ints) -> None:
        kept = where[alarmed[where] >= 0]
        ended.append((rows[kept], first[kept], last[kept], alarmed[kept]))
        first[where] = last[where] = alarmed[where] = -1

    for hour in range(hours):
        total = np.clip(total + gain[hour], 0.0, most)
        open_now = total > 0
        end(np.flatnonzero(~open_now & (first >= 0)))
        first[open_now & (first < 0)] = hour
        last[open_now & (gain[hour] > 0)] = hour
        alarmed[(total >= limit) & (alarmed < 0)] = hour
    end(np.flatnonzero(first >= 0))
    columns = [np.concatenate(parts).astype(np.int64) for parts in zip(*ended, strict=True)]
    return columns[0], columns[1], columns[2], columns[3]


def _highest(gain: Floats, most: float) -> Floats:
    """The highest that each row's sum gets, (series,)."""
    total, highest = np.zeros(gain.shape[0]), np.zeros(gain.shape[0])
    for column in np.ascontiguousarray(gain.T):
        np.add(total, column, out=total)
        np.clip(total, 0.0, most, out=total)
        np.maximum(highest, total, out=highest)
    return highest
