"""Runs: stretches of logical lines that several places share, each as long as it can be.

Every window of some lines is hashed; windows that occur more than once are grown both ways as long as all their places
agree. A run does not reach from one function's inside into the next function.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from kibitz_reviewer.duplicates.shape import Shape

MIN_LINES = 6
MIN_WEIGHT = 50
#: Of a run's lines so many must differ from each other: a row of equal calls is no duplicate of its neighbour.
MIN_DISTINCT = 0.7
MAX_PLACES = 50


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch of a file: its first and last line, 1-based."""

    path: str
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class _Stretch:
    starts: tuple[int, ...]
    length: int


class _Lines:
    """The logical lines of all files, one after the other, a line between two files that is like no other."""

    def __init__(self, shapes: Mapping[str, Shape]) -> None:
        self.shapes: list[tuple[str, Shape, int]] = []
        self.bare: list[int] = []
        self.keys: list[int] = []
        self.owner: list[int] = []
        for index, (path, shape) in enumerate(shapes.items()):
            self.shapes.append((path, shape, len(self.bare)))
            self.bare += shape.hashes
            levels = shape.levels
            # A line is the same in a run if it is indented like its neighbour above, or by as much more or less.
            steps = [0] * bool(len(shape)) + [after - before for before, after in pairwise(levels)]
            self.keys += [line * 131 + step for line, step in zip(shape.hashes, steps, strict=True)]
            self.bare.append(-1 - index)
            self.keys.append(-1 - index)
            self.owner += [index] * (len(shape) + 1)

    def local(self, position: int) -> tuple[Shape, int]:
        _, shape, first = self.shapes[self.owner[position]]
        return shape, position - first

    def place(self, position: int, length: int) -> Place:
        path, shape, first = self.shapes[self.owner[position]]
        at = position - first
        return Place(path, shape.starts[at], shape.ends[at + length - 1])


def runs(shapes: Mapping[str, Shape]) -> list[tuple[Place, ...]]:
    """The places of each piece of code that stands in more than one, the heaviest first; no run within another."""
    lines = _Lines(shapes)
    groups = _repeated(lines)
    found: dict[_Stretch, int] = {}
    before: tuple[int, ...] = ()
    for position in sorted(groups):
        group = groups[position]
        if group[0] != position:
            continue
        if group != tuple(start + 1 for start in before):
            for stretch in _trimmed(lines, _grown(lines, group)):
                weight = _weight(lines, stretch)
                if weight >= MIN_WEIGHT:
                    found[stretch] = weight
        before = group
    ordered = sorted(found, key=lambda stretch: (-found[stretch], stretch.starts))
    return [
        tuple(lines.place(start, stretch.length) for start in stretch.starts)
        for stretch in _uncovered(ordered)
    ]


def _repeated(lines: _Lines) -> dict[int, tuple[int, ...]]:
    """For each window that occurs more than once, by its position, all the positions of it."""
    bare, keys, size = lines.bare, lines.keys, MIN_LINES
    first: dict[int, int] = {}
    more: dict[int, list[int]] = {}
    for position in range(len(bare) - size + 1):
        window = hash((bare[position], *keys[position + 1 : position + size]))
        at = first.setdefault(window, position)
        if at != position:
            more.setdefault(window, [at]).append(position)
    found: dict[int, tuple[int, ...]] = {}
    for positions in more.values():
        at = positions[0]
        if len(set(bare[at : at + size])) <= size // 2:
            continue
        same = [
            p
            for p in positions[:MAX_PLACES]
            if bare[p] == bare[at] and keys[p + 1 : p + size] == keys[at + 1 : at + size]
        ]
        if len(same) > 1:
            found.update(dict.fromkeys(same, tuple(same)))
    return found


def _grown(lines: _Lines, group: Sequence[int]) -> _Stretch:
    """The longest stretch around a window on which all its places agree, without places that overlap an earlier one."""
    bare, keys, size = lines.bare, lines.keys, len(lines.bare)
    start, length, first = 0, MIN_LINES, group[0]
    while first + length < size and all(
        p + length < size and keys[p + length] == keys[first + length] for p in group[1:]
    ):
        length += 1
    while first + start > 0 and all(
        p + start > 0
        and bare[p + start - 1] == bare[first + start - 1]
        and keys[p + start] == keys[first + start]
        for p in group[1:]
    ):
        start -= 1
    apart: list[int] = []
    for p in group:
        if not apart or p - apart[-1] >= length:
            apart.append(p)
    return _Stretch(tuple(p + start for p in apart), length - start)


def _trimmed(lines: _Lines, stretch: _Stretch) -> Iterator[_Stretch]:
    """A stretch cut where one function ends and another begins, and without a header whose body is left out."""
    if len(stretch.starts) < 2:
        return
    shape, at = lines.local(stretch.starts[0])
    levels, heads = shape.levels, shape.heads
    end = at + stretch.length
    begin = at
    for index in range(at + 1, end + 1):
        cut = index == end or (
            index in heads
            and index - 1 not in heads
            and levels[index] < max(levels[begin], 1)
            and begin not in heads
        )
        if cut:
            last = index
            while last > begin and (
                last - 1 in heads or (last < len(shape) and levels[last] > levels[last - 1])
            ):
                last -= 1
            if last - begin >= MIN_LINES:
                yield _Stretch(tuple(start + begin - at for start in stretch.starts), last - begin)
            begin = index


def _weight(lines: _Lines, stretch: _Stretch) -> int:
    """How much code there is in a stretch; 0 where its lines are all alike or too few of them do something."""
    shape, at = lines.local(stretch.starts[0])
    weights = shape.weights[at : at + stretch.length]
    working = [index for index, weight in enumerate(weights) if weight]
    distinct = len({shape.hashes[at + index] for index in working})
    if len(working) < MIN_LINES or distinct < max(MIN_LINES - 1, MIN_DISTINCT * len(working)):
        return 0
    return sum(weights)


def _uncovered(stretches: Sequence[_Stretch]) -> list[_Stretch]:
    """The stretches that have a place in none of those before."""
    taken: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    kept = []
    for stretch in stretches:
        spans = [(start, start + stretch.length) for start in stretch.starts]
        if all(_is_within(span, taken[span[0] // 1024]) for span in spans):
            continue
        kept.append(stretch)
        for start, end in spans:
            for block in range(start // 1024, end // 1024 + 1):
                taken[block].append((start, end))
    return kept


def _is_within(span: tuple[int, int], spans: Sequence[tuple[int, int]]) -> bool:
    """Whether most of a span lies in one of the others."""
    start, end = span
    return any(min(end, other[1]) - max(start, other[0]) > 0.6 * (end - start) for other in spans)
