"""The state of the abstract machine: variables by frame, and a heap of objects with a cell for each known key."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from kibitz_reviewer.dataflow.values import HARMLESS, UNKNOWN, Value, join, join_all

if TYPE_CHECKING:
    from kibitz_reviewer.dataflow.program import ClassInfo

MAX_ITEMS = 32
#: Begins the name under which a frame remembers an expression that a guard found harmless.
MASK = "\0"
Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Object:
    """An object's contents. ``items``: a sequence known element by element; ``cells``: by key or attribute;
    ``rest``: everything written under keys that are not known."""

    kind: str
    cells: dict[Any, Value] = field(default_factory=dict)
    items: tuple[Value, ...] | None = None
    rest: Value | None = None
    cls: ClassInfo | None = None

    def everything(self) -> Value:
        """The join of all it holds."""
        values = [*self.cells.values(), *(self.items or ())]
        return join_all(values if self.rest is None else [*values, self.rest])

    def with_cell(self, key: Any, value: Value, *, strong: bool) -> Object:
        """With ``value`` under ``key``; weakly, it joins what was there."""
        if isinstance(key, int) and self.items is not None and -len(self.items) <= key < len(self.items):
            items = list(self.items)
            items[key] = value if strong else join(items[key], value)
            return replace(self, items=tuple(items))
        old = self.cells.get(key)
        return replace(self, cells={**self.cells, key: value if strong or old is None else join(old, value)})

    def with_rest(self, value: Value) -> Object:
        """With ``value`` somewhere in it."""
        return replace(self, rest=value if self.rest is None else join(self.rest, value))

    def loose(self) -> Object:
        """A sequence whose positions are no longer known."""
        if self.items is None:
            return self
        return replace(self, items=None, rest=join_all([*self.items, *([self.rest] if self.rest else [])]))

    def at(self, key: Any) -> Value | None:
        """What is under ``key``; None if nothing is known to be."""
        if isinstance(key, int) and not isinstance(key, bool) and self.items is not None:
            if -len(self.items) <= key < len(self.items):
                return self.items[key]
            return self.rest
        try:
            found = self.cells.get(key)
        except TypeError:
            return self.everything()
        if found is None:
            return self.rest
        return found if self.rest is None else join(found, self.rest)


class State:
    """Variables of the frames alive, and the heap. Copied where the ways part, joined where they meet."""

    __slots__ = ("frames", "heap")

    def __init__(self, frames: dict[int, dict[str, Value]], heap: dict[Key, Object]) -> None:
        self.frames = frames
        self.heap = heap

    def copy(self, frame: int) -> State:
        """A state that changes on its own. ``frame`` is the running one: the others are shared, and copied when written."""
        frames = dict(self.frames)
        names = frames.get(frame)
        if names is not None:
            frames[frame] = dict(names)
        return State(frames, dict(self.heap))

    def own(self, frame: int) -> dict[str, Value]:
        """The variables of a frame that is not the running one, safe to be written."""
        names = self.frames[frame] = dict(self.frames.get(frame, {}))
        return names

    def same(self, other: State) -> bool:
        """Whether nothing differs."""
        return self.frames == other.frames and self.heap == other.heap


def joined(a: State | None, b: State | None) -> State | None:
    """The state after either; None stands for a way that is never gone."""
    if a is None or b is None or a is b:
        return b if a is None else a
    frames: dict[int, dict[str, Value]] = {}
    for number in a.frames.keys() | b.frames.keys():
        ours, theirs = a.frames.get(number), b.frames.get(number)
        if ours is None or theirs is None or ours is theirs:
            frames[number] = ours or theirs or {}
            continue
        names = dict(ours)
        for name, value in theirs.items():
            mine = names.get(name)
            names[name] = value if mine is None or mine is value else join(mine, value)
        masks = [name for name in names if name.startswith(MASK) and not (name in ours and name in theirs)]
        for name in masks:
            # What was found out on one way only does not hold after it.
            del names[name]
        frames[number] = names
    heap = dict(a.heap)
    for key, other in b.heap.items():
        own = heap.get(key)
        heap[key] = other if own is None or own is other else _joined_objects(own, other)
    return State(frames, heap)


def _joined_objects(a: Object, b: Object) -> Object:
    if a == b:
        return a
    cells: dict[Any, Value] = dict(a.cells)
    for key, value in b.cells.items():
        mine = cells.get(key)
        cells[key] = value if mine is None else join(mine, value)
    items: tuple[Value, ...] | None = None
    rest = [each for each in (a.rest, b.rest) if each is not None]
    if a.items is not None and b.items is not None and len(a.items) == len(b.items):
        items = tuple(join(x, y) for x, y in zip(a.items, b.items, strict=True))
    else:
        rest += [*(a.items or ()), *(b.items or ())]
    return Object(a.kind, cells, items, join_all(rest) if rest else None, a.cls or b.cls)


def element(value: Value | None) -> Value:
    """A value found in a container, or something unknown."""
    return UNKNOWN if value is None else value


__all__ = ["HARMLESS", "Key", "Object", "State", "element", "joined"]
