"""One alarm a cause: of series that changed together the innermost, and none for work that only moved."""

from __future__ import annotations

from collections.abc import Sequence

from kibitz_server.anomalies.deviations import Deviation
from kibitz_server.store import Ints

EXPLAINED = 0.7
_BALANCED = 0.35


def innermost(found: Sequence[Deviation], callers: Ints) -> list[Deviation]:
    """One deviation a cause: a caller whose change is that of something it calls is left out.

    ``callers`` is (frames,): the frame that usually calls each one, -1 for none. A caller is explained when the changes
    right below it, in the same direction and overlapping in time, add up to most of its own.
    """
    of_frame = _by_frame(found)
    explained = [0.0] * len(found)
    for inner in found:
        for index in _nearest_above(inner, found, of_frame, callers):
            explained[index] += inner.change / found[index].change
    return [deviation for at, deviation in enumerate(found) if explained[at] < EXPLAINED]


def callees_moved(found: Sequence[Deviation], callers: Ints) -> list[Deviation]:
    """Those that are not the other side of a change beside them: work moved between callees of one frame is left out.

    Of the deviations right below one caller that overlap in time, those that rose and those that fell by as much cancel
    each other, if the caller itself did not change with them. So do a frame's new name and its old one. What is called
    below a frame whose work moved, and changed as it did, went with it.
    """
    of_frame = _by_frame(found)
    beside: dict[int, list[int]] = {}
    for at, deviation in enumerate(found):
        caller = int(callers[deviation.frame])
        beside.setdefault(caller, []).append(at)
        # A large caller hides what one of its callees lost: that one is beside the caller's own neighbours, too.
        if caller >= 0 and not any(_together(found[other], deviation) for other in of_frame.get(caller, ())):
            beside.setdefault(int(callers[caller]), []).append(at)
    moved: set[int] = set()
    for caller, together in beside.items():
        if caller >= 0:
            changed = [found[at] for at in of_frame.get(caller, ())]
            moved.update(_balanced(together, found, changed))
    if moved:
        _with_those_below(moved, found, of_frame, callers)
    return [deviation for at, deviation in enumerate(found) if at not in moved]


def _balanced(together: Sequence[int], found: Sequence[Deviation], caller: Sequence[Deviation]) -> set[int]:
    """Positions of those that rose and fell by about the same while the caller stayed as it was."""
    moved: set[int] = set()
    for at in together:
        others = [
            other
            for other in together
            if found[other].moved * found[at].moved < 0 and _overlap(found[other], found[at])
        ]
        largest = max((abs(found[other].moved) for other in others), default=0.0)
        net = abs(found[at].moved + sum(found[other].moved for other in others))
        size = max(abs(found[at].moved), largest)
        stayed = all(abs(c.moved) < 0.5 * size for c in caller if _overlap(c, found[at]))
        if others and net <= _BALANCED * size and stayed:
            moved.update((at, *others))
    return moved


def _with_those_below(
    moved: set[int], found: Sequence[Deviation], of_frame: dict[int, list[int]], callers: Ints
) -> None:
    above = [_nearest_above(deviation, found, of_frame, callers) for deviation in found]
    size = 0
    while size < len(moved):
        size = len(moved)
        moved.update(at for at, outer in enumerate(above) if moved.intersection(outer))


def _by_frame(found: Sequence[Deviation]) -> dict[int, list[int]]:
    of_frame: dict[int, list[int]] = {}
    for index, deviation in enumerate(found):
        of_frame.setdefault(deviation.frame, []).append(index)
    return of_frame


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
    return (outer.change > 0) == (inner.change > 0) and _overlap(outer, inner)


def _overlap(one: Deviation, other: Deviation) -> bool:
    return one.first <= other.last and other.first <= one.last
