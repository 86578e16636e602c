"""The heap summary: live objects by type, as a profile's header carries it. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class HeapError(ValueError):
    """A heap summary's fields that make no sense; the message names the field."""


@dataclass(frozen=True, slots=True)
class HeapType:
    """Live objects of one type: how many, and their own bytes, without what they refer to.

    ``name`` is ``module.Qualname``, of builtins the bare name.
    """

    name: str
    count: int
    bytes: int


@dataclass(frozen=True, slots=True)
class HeapSite:
    """Memory by the line that allocated it, known while `tracemalloc` traces."""

    file: str
    line: int
    count: int
    bytes: int


@dataclass(frozen=True, slots=True)
class HeapSummary:
    """One look at the heap. Times are nanoseconds, ``taken_ns`` since the epoch.

    ``pause_ns``: how long no other thread could run Python meanwhile. ``rss_bytes``: the process's resident memory.
    ``objects`` and the types' sums cover all types; those not listed are one entry, ``(N other types)``.
    ``complete`` is False where the pause allowed was over before all objects were seen: counts are then lower bounds.
    ``collections``: how often the garbage collector ran, by generation.
    """

    taken_ns: int = 0
    pause_ns: int = 0
    rss_bytes: int = 0
    objects: int = 0
    complete: bool = True
    collections: tuple[int, ...] = ()
    types: tuple[HeapType, ...] = ()
    sites: tuple[HeapSite, ...] = ()


_NUMBERS = ("taken_ns", "pause_ns", "rss_bytes", "objects")
MAX_ROWS = 1000
"""Types or sites that are read of one summary; an agent sends about a hundred."""


def to_fields(summary: HeapSummary) -> dict[str, Any]:
    """The summary as JSON-ready fields; types and sites are rows without names."""
    return {
        **{name: getattr(summary, name) for name in _NUMBERS},
        "complete": summary.complete,
        "collections": list(summary.collections),
        "types": [[t.name, t.count, t.bytes] for t in summary.types],
        "sites": [[s.file, s.line, s.count, s.bytes] for s in summary.sites],
    }


def from_fields(given: object) -> HeapSummary:
    """A summary from JSON fields; absent ones take their defaults, wrong types are a `HeapError` that names the field."""
    if not isinstance(given, dict):
        raise HeapError(f"heap: expected an object, found {str(given)[:60]!r}")
    complete = given.get("complete", True)
    if not isinstance(complete, bool):
        raise HeapError(f"heap.complete: expected true or false, found {str(complete)[:60]!r}")
    return HeapSummary(
        **{name: _count(f"heap.{name}", given.get(name, 0)) for name in _NUMBERS},
        complete=complete,
        collections=tuple(_count("heap.collections", number) for number in _rows(given, "collections")),
        types=tuple(HeapType(*_row("heap.types", row)) for row in _rows(given, "types")),
        sites=tuple(HeapSite(*_row("heap.sites", row)) for row in _rows(given, "sites", 4)),
    )


def _rows(given: dict[str, Any], name: str, width: int = 3) -> list[Any]:
    rows = given.get(name, [])
    if not isinstance(rows, list):
        raise HeapError(f"heap.{name}: expected an array, found {str(rows)[:60]!r}")
    for row in rows[:MAX_ROWS]:
        if name != "collections" and not (isinstance(row, list) and len(row) == width):
            raise HeapError(f"heap.{name}: expected rows of {width}, found {str(row)[:60]!r}")
    return rows[:MAX_ROWS]


def _row(name: str, row: list[Any]) -> list[Any]:
    if not isinstance(row[0], str):
        raise HeapError(f"{name}: expected a string first, found {str(row[0])[:60]!r}")
    return [row[0], *(_count(name, number) for number in row[1:])]


def _count(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 63:
        raise HeapError(f"{name}: expected a whole number that is not negative, found {str(value)[:60]!r}")
    return value
