"""One alarm a cause: of series that changed together the innermost, and none for work that only moved."""

from __future__ import annotations

from collections.abc import Sequence

from kibitz_server.anomalies.deviations import Deviation, is_new_or_gone
from kibitz_server.store import Ints

EXPLAINED = 0.7
_BALANCED = 0.35
_SAME_SIZE, _SAME_HOURS = 0.2, 2
_REST = 2.0


def innermost(found: Sequence[Deviation], callers: Ints) -> list[Deviation]:
    """One deviation a cause: a caller whose change is that of something it calls is left out.

    ``callers`` is (frames,): the frame that usually calls each one, -1 for none. A caller is explained when the changes
    right below it, in the same direction and overlapping in time, add up to most of its own.
    """
    found = _new_ones_once(found, callers)
    of_frame = _by_frame(found)
    explained = [0.0] * len(found)
    for inner in found:
        for index in _nearest_above(inner, found, of_frame, callers):
            explained[index] += inner.change / found[index].change
    return [deviation for at, deviation in enumerate(found) if explained[at] < EXPLAINED]


def _new_ones_once(found: Sequence[Deviation], callers: Ints) -> list[Deviation]:
    """Without what a new function brought along: its own code and what it alone calls are new as well. So when one goes.

    The innermost that has most of it is kept, or the function itself where none has.
    """
    of_frame = _by_frame(found)
    parts: dict[int, list[int]] = {}
    outermost = []
    for at, deviation in enumerate(found):
        if is_new_or_gone(deviation):
            above = _nearest_above(deviation, found, of_frame, callers)
            new = [outer for outer in above if is_new_or_gone(found[outer])]
            outermost += [] if new else [at]
            for outer in new:
                parts.setdefault(outer, []).append(at)
    kept = {_most_of_it(at, found, parts) for at in outermost}
    return [one for at, one in enumerate(found) if at in kept or not is_new_or_gone(one)]


def _most_of_it(at: int, found: Sequence[Deviation], parts: dict[int, list[int]]) -> int:
    largest = max(parts.get(at, ()), key=lambda part: abs(found[part].change), default=None)
    if largest is None or found[largest].change / found[at].change < EXPLAINED:
        return at
    return _most_of_it(largest, found, parts)


def callees_moved(found: Sequence[Deviation], callers: Ints) -> list[Deviation]:
    """Those that are not the other side of a change beside them: work moved between callees of one frame is left out.

    Of the deviations right below one caller that overlap in time, those that rose and those that fell by as much cancel
    each other, if the caller itself did not change with them. So do a frame's new name and its old one, whoever calls
    each. What is called below a frame whose work moved, and changed as it did, went with it.
    """
    of_frame = _by_frame(found)
    beside: dict[int, list[int]] = {}
    for at, deviation in enumerate(found):
        caller = int(callers[deviation.frame])
        beside.setdefault(caller, []).append(at)
        # A large caller hides what one of its callees lost: that one is beside the caller's own neighbours, too.
        if caller >= 0 and not any(_overlap(found[other], deviation) for other in of_frame.get(caller, ())):
            beside.setdefault(int(callers[caller]), []).append(at)
    moved = _renamed(found, callers)
    for caller, together in beside.items():
        if caller >= 0:
            changed = [found[at] for at in of_frame.get(caller, ())]
            moved |= _balanced(together, found, changed)
    if moved:
        _with_those_below(moved, found, of_frame, callers)
    return [deviation for at, deviation in enumerate(found) if at not in moved]


def with_known_callers(found: Sequence[Deviation], callers: Ints) -> list[Deviation]:
    """Without new functions none of whose callers, of those that were there before, changed with them.

    Such a one may be a new name, or stand between two others: of a few minutes that cannot be told from new work.
    """
    known = [one for one in found if not is_new_or_gone(one)]
    of_frame = _by_frame(known)
    return [one for one in found if not is_new_or_gone(one) or _nearest_above(one, known, of_frame, callers)]


def _renamed(found: Sequence[Deviation], callers: Ints) -> dict[int, float]:
    """Positions of frames that vanished and of those that appeared in their place: at that hour, with as much.

    By pairs, the largest first: what vanished has one new name. To each what the two do not have in common.
    """
    order = sorted(
        (at for at, one in enumerate(found) if is_new_or_gone(one)), key=lambda at: -abs(found[at].moved)
    )
    gone = [at for at in order if found[at].moved < 0]
    moved: dict[int, float] = {}
    for at in order:
        if found[at].moved <= 0:
            continue
        same = [
            other
            for other in gone
            if other not in moved and _in_place_of(found[at], found[other], found, callers)
        ]
        if same:
            old = min(same, key=lambda other: abs(found[other].moved + found[at].moved))
            moved[at] = moved[old] = found[at].moved + found[old].moved
    return moved


def _in_place_of(new: Deviation, old: Deviation, found: Sequence[Deviation], callers: Ints) -> bool:
    """Whether one came when the other went, and is as large, or differs by what a function below them changed by."""
    if abs(new.first - old.first) > _SAME_HOURS or not _overlap(new, old):
        return False
    rest = new.moved + old.moved
    if abs(rest) <= _SAME_SIZE * max(new.moved, -old.moved):
        return True
    if callers[new.frame] != callers[old.frame]:
        return False
    return any(
        abs(rest - one.moved) <= _SAME_SIZE * abs(rest)
        and not is_new_or_gone(one)
        and callers[one.frame] in (new.frame, old.frame)
        and _overlap(one, new)
        for one in found
    )


def _balanced(
    together: Sequence[int], found: Sequence[Deviation], caller: Sequence[Deviation]
) -> dict[int, float]:
    """Positions of those that rose and fell by about the same while the caller stayed as it was, with their sum."""
    moved: dict[int, float] = {}
    for at in together:
        others = [
            other
            for other in together
            if found[other].moved * found[at].moved < 0 and _overlap(found[other], found[at])
        ]
        largest = max((abs(found[other].moved) for other in others), default=0.0)
        net = found[at].moved + sum(found[other].moved for other in others)
        size = max(abs(found[at].moved), largest)
        stayed = all(abs(c.moved) < 0.5 * size for c in caller if _overlap(c, found[at]))
        if others and abs(net) <= _BALANCED * size and stayed:
            moved |= dict.fromkeys((at, *others), net)
    return moved


def _with_those_below(
    moved: dict[int, float], found: Sequence[Deviation], of_frame: dict[int, list[int]], callers: Ints
) -> None:
    """Add what is below those moved, but for what makes up the difference that moving does not explain."""
    above = [_nearest_above(deviation, found, of_frame, callers) for deviation in found]
    size = 0
    while size < len(moved):
        size = len(moved)
        for at, outer in enumerate(above):
            with_it = [moved[one] for one in outer if one in moved]
            if at not in moved and any(not _is_the_rest(found[at].moved, rest) for rest in with_it):
                moved[at] = with_it[0]


def _is_the_rest(change: float, rest: float) -> bool:
    return rest != 0 and 1 / _REST <= change / rest <= _REST


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
