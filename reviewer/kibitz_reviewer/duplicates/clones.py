"""Clones: runs whose places also use their names alike, so that one can stand for the other."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence

from kibitz_reviewer.duplicates.runs import Place, runs
from kibitz_reviewer.duplicates.shape import Shape, lines_of

#: So much of the names may be used otherwise: a piece that was copied and then edited is still a copy.
MAX_OTHERWISE = 0.1
_NEWLINE = re.compile(r"\r\n?|\n")


def clones(shapes: Mapping[str, Shape], text_of: Callable[[str], str]) -> list[tuple[Place, ...]]:
    """The places of each clone, the heaviest clone first; ``text_of`` gives a file's text by its path."""
    lines_at = functools.lru_cache(maxsize=256)(lambda path: lines_in(text_of(path)))
    found: list[tuple[Place, ...]] = []
    for places in runs(shapes):
        found += _alike(places, lines_at)
    return found


def lines_in(text: str) -> list[str]:
    """The lines of a text, without their ends."""
    return _NEWLINE.split(text)


def _alike(places: Sequence[Place], lines_at: Callable[[str], list[str]]) -> list[tuple[Place, ...]]:
    """``places`` by groups in each of which names correspond one to one; without those that stand alone."""
    groups: list[tuple[list[str], list[Place]]] = []
    for place in places:
        names = [name for line in lines_of(_excerpt(lines_at(place.path), place)) for name in line.names]
        for first, members in groups:
            if _corresponds(first, names):
                members.append(place)
                break
        else:
            groups.append((names, [place]))
    return [tuple(members) for _, members in groups if len(members) > 1]


def _excerpt(lines: Sequence[str], place: Place) -> str:
    return "\n".join(lines[place.line - 1 : place.end_line])


def _corresponds(names: Sequence[str], others: Sequence[str]) -> bool:
    if len(names) != len(others):
        return False
    there: dict[str, str] = {}
    back: dict[str, str] = {}
    otherwise = sum(
        there.setdefault(name, other) != other or back.setdefault(other, name) != name
        for name, other in zip(names, others, strict=True)
    )
    return otherwise <= MAX_OTHERWISE * len(names)
