"""What changed between two merged trees: of two ranges, two revisions, two sets of labels, or two groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kibitz_agent.profile import Frame
from kibitz_server.query import Tree, function_values
from kibitz_server.store import Ints


@dataclass(frozen=True, slots=True)
class Difference:
    """One function's values now and before, in the value type's unit. ``change``: of its share of the whole, from -1 to 1."""

    frame: Frame
    self_value: int
    total: int
    base_self: int
    base_total: int
    change: float


def differences(now: Tree, before: Tree, value: str, limit: int) -> list[Difference]:
    """The ``limit`` functions whose share of all values changed most, the largest first; those that are gone as well.

    Compared by share, as two ranges need not be equally long nor have as many processes.
    """
    own, totals = function_values(now, value)
    base_own, base_totals = _as_in(now, before, *function_values(before, value))
    frames = [*now.dictionary.frames, *_only_in(before, now)]
    own, totals = (_padded(values, len(frames)) for values in (own, totals))
    change = totals / max(1, _whole(now, value)) - base_totals / max(1, _whole(before, value))
    order = np.lexsort((-totals, -np.abs(change)))[:limit]
    return [
        Difference(
            frames[i], int(own[i]), int(totals[i]), int(base_own[i]), int(base_totals[i]), float(change[i])
        )
        for i in order
        if totals[i] or base_totals[i]
    ]


def _whole(tree: Tree, value: str) -> int:
    return int(tree.self_values[:, tree.column(value)].sum())


def _only_in(tree: Tree, other: Tree) -> list[Frame]:
    if tree.dictionary is other.dictionary:
        return []
    known = set(other.dictionary.frames)
    return [frame for frame in tree.dictionary.frames if frame not in known]


def _as_in(now: Tree, before: Tree, own: Ints, totals: Ints) -> tuple[Ints, Ints]:
    """The values before, by the frames of now followed by those that are gone."""
    if now.dictionary is before.dictionary:
        return own, totals
    gone = _only_in(before, now)
    place = {frame: index for index, frame in enumerate([*now.dictionary.frames, *gone])}
    index = np.array([place[frame] for frame in before.dictionary.frames], np.int64)
    moved = [np.zeros(len(place), np.int64) for _ in range(2)]
    for column, values in zip(moved, (own, totals), strict=True):
        np.add.at(column, index, values)
    return moved[0], moved[1]


def _padded(values: Ints, length: int) -> Ints:
    return np.concatenate([values, np.zeros(length - len(values), np.int64)])
