"""The census: counts live objects by type for a heap summary, within a pause that is bounded and measured.

The C extension does it in one visit that runs no Python, so that nobody's ``__sizeof__``, ``__hash__`` or ``__del__`` can run
on the agent's thread: it counts what the garbage collector tracks, and its share of whatever that refers to. Without
the extension only tracked objects are counted, in one call that holds the interpreter's lock throughout, and a type's
bytes are its objects' fixed part: such a census never calls itself complete.
"""

from __future__ import annotations

import gc
import os
import sys
import time
import tracemalloc
from collections.abc import Iterable, Iterator
from itertools import chain

from kibitz_agent.heap import HeapSite, HeapSummary, HeapType

MAX_TYPES = 100
MAX_SITES = 50

# Of one object or trace, at most, on a slow machine: to judge beforehand what cannot be broken off.
_NS_PER_LISTED, _NS_PER_COUNTED, _NS_PER_TRACE = 15, 150, 500
# Whoever traces allocations pays far more for that already.
_TRACES_LIMIT_NS = 500_000_000
# As `type` itself sees them: a metaclass may have properties of its own.
_module_of = type.__dict__["__module__"].__get__
_qualname_of = type.__dict__["__qualname__"].__get__
_fixed_bytes_of = type.__dict__["__basicsize__"].__get__


def take(limit_ns: int) -> HeapSummary:
    """The heap as it is now; no other thread runs Python for at most about ``limit_ns``."""
    began_ns = time.perf_counter_ns()
    rows, complete = _rows(limit_ns)
    pause_ns = time.perf_counter_ns() - began_ns
    types = sorted((_heap_type(kind, count, size) for kind, count, size in rows), key=lambda t: -t.bytes)
    sites, sites_pause_ns = _sites()
    return HeapSummary(
        taken_ns=time.time_ns(),
        pause_ns=pause_ns + sites_pause_ns,
        rss_bytes=_resident_bytes(),
        objects=sum(found.count for found in types),
        complete=complete,
        collections=tuple(generation["collections"] for generation in gc.get_stats()),
        types=_folded(types),
        sites=sites,
    )


def _rows(limit_ns: int) -> tuple[Iterable[tuple[type, float, float]], bool]:
    try:
        import kibitz_agent._native._heap as _heap
    except ImportError:
        return _counted_in_python(limit_ns), False
    # Before 3.12 objects can only be visited as a list, and making it cannot be broken off.
    if sys.version_info < (3, 12) and sys.getallocatedblocks() * _NS_PER_LISTED > limit_ns:
        return (), False
    return _heap.count(max(1, limit_ns))


def _counted_in_python(limit_ns: int) -> list[tuple[type, float, float]]:
    if sys.getallocatedblocks() * _NS_PER_COUNTED > limit_ns:
        return []
    from collections import _count_elements  # type: ignore[attr-defined]

    counts: dict[int, int] = {}
    # One call into C from the listing to the last count: between bytecodes other threads would let go of objects, and the
    # list would be the last to hold them. By identity, as a metaclass may have a hash of its own.
    _count_elements(counts, map(id, map(type, chain.from_iterable(map(gc.get_objects, (None,))))))
    return [
        (kind, counts[id(kind)], counts[id(kind)] * _fixed_bytes_of(kind))
        for kind in _all_types()
        if id(kind) in counts
    ]


def _all_types() -> Iterator[type]:
    """Every type there is, from the root of the tree down, each once."""
    seen: set[int] = set()
    left: list[type] = [object]
    while left:
        kind = left.pop()
        if id(kind) not in seen:
            seen.add(id(kind))
            yield kind
            left.extend(type.__subclasses__(kind))


def _heap_type(kind: type, count: float, size: float) -> HeapType:
    module, name = _module_of(kind), _qualname_of(kind)
    own = type(module) is str and module not in ("", "builtins")
    return HeapType(f"{module}.{name}" if own else name, round(count), round(size))


def _folded(types: list[HeapType]) -> tuple[HeapType, ...]:
    """The largest, and the most numerous of the others; what is left is one entry."""
    kept = types[: MAX_TYPES // 2]
    others = sorted(types[MAX_TYPES // 2 :], key=lambda t: -t.count)
    kept += others[: MAX_TYPES - len(kept)]
    rest = others[MAX_TYPES // 2 :]
    if rest:
        name = f"({len(rest)} other types)"
        kept.append(HeapType(name, sum(t.count for t in rest), sum(t.bytes for t in rest)))
    return tuple(kept)


def _sites() -> tuple[tuple[HeapSite, ...], int]:
    """The lines that allocated most, and the pause for it; none unless the host traces allocations, and few enough."""
    if not tracemalloc.is_tracing() or sys.getallocatedblocks() * _NS_PER_TRACE > _TRACES_LIMIT_NS:
        return (), 0
    began_ns = time.perf_counter_ns()
    snapshot = tracemalloc.take_snapshot()
    pause_ns = time.perf_counter_ns() - began_ns
    found = sorted(snapshot.statistics("lineno"), key=lambda s: -s.size)[:MAX_SITES]
    return tuple(
        HeapSite(s.traceback[0].filename, s.traceback[0].lineno, s.count, s.size) for s in found
    ), pause_ns


def _resident_bytes() -> int:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        import psutil

        return int(psutil.Process().memory_info().rss)
