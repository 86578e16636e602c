"""Heaps over time: what grows steadily, in which process, and which types it is made of.

The slope is Theil and Sen's, the median of the slopes between all pairs of points, which a third of wild points does not
move; its bounds are Sen's, from the variance of Kendall's statistic. A heap that fills its caches grows too, and then
stops: only what grows in both halves of the time by themselves counts as steady.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from kibitz_server.findings import continued, heap_growth
from kibitz_server.store import Floats, Span, Store, StoredFinding
from kibitz_server.store.heaps import MOST, StoredHeap

HOUR_S = 3600.0
WINDOW_S = 24 * HOUR_S
LEAST_POINTS = 8
MOST_POINTS = 200
MOST_INSTANCES = 50
NAMED = 3
MOST_WITH = 20

_SURE = 3.0  # standard deviations of Kendall's statistic
_SURE_HALF = 1.64
_LEAST_BYTES = 256 * 1024
_LEAST_GROWN = 0.02
_LEAST_COUNT = 50
_LEAST_COUNT_GROWN = 0.1
_STILL = 0.3


@runtime_checkable
class KeepsHeaps(Protocol):
    """A store that keeps heap summaries."""

    def heaps(self, span: Span, most: int = MOST) -> list[StoredHeap]:
        """What the span's reports said of their heaps, in their order in time."""


@dataclass(frozen=True, slots=True)
class Slope:
    """By how much something grows an hour, and between what bounds that lies."""

    per_hour: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class TypeGrowth:
    """A type in one process: now, and by how much it grows an hour. ``steady``: surely, and still."""

    name: str
    count: int
    bytes: int
    counts: Slope | None
    bytes_per_hour: float
    steady: bool


@dataclass(frozen=True, slots=True)
class ProcessHeap:
    """One instance's heap over time. ``times`` (n,) epoch seconds, ``rss`` and ``live`` (n,) bytes, live being all types'.

    ``types``: those of the last summary and any that grows, the fastest growing first.
    """

    instance: str
    times: Floats
    rss: Floats
    live: Floats
    growth: Slope | None
    leaks: bool
    types: Sequence[TypeGrowth]
    last: StoredHeap


def theil_sen(times: Floats, values: Floats, sure: float = _SURE) -> Slope | None:
    """The slope of ``values`` (n,) over ``times`` (n,) seconds, an hour; None of fewer than three points."""
    first, second = np.triu_indices(len(times), 1)
    apart = times[second] > times[first]
    first, second = first[apart], second[apart]
    n = len(times)
    if n < 3 or not len(first):
        return None
    slopes = np.sort((values[second] - values[first]) / (times[second] - times[first])) * HOUR_S
    spread = sure * np.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    low = int(np.clip(np.floor((len(slopes) - spread) / 2), 0, len(slopes) - 1))
    high = len(slopes) - 1 - low
    unsure = spread >= len(slopes)  # not even all pairs agreeing would do
    return Slope(
        float(np.median(slopes)),
        float("-inf") if unsure else float(slopes[low]),
        float("inf") if unsure else float(slopes[high]),
    )


def is_steady(times: Floats, values: Floats) -> bool:
    """Whether values surely grow, in the first half of the time and in the second, and there not much more slowly."""
    whole = theil_sen(times, values) if len(times) >= LEAST_POINTS else None
    if whole is None or whole.low <= 0:
        return False
    half = len(times) // 2
    halves = [theil_sen(times[part], values[part], _SURE_HALF) for part in (slice(half), slice(half, None))]
    if any(slope is None or slope.per_hour <= 0 for slope in halves):
        return False
    early, late = halves
    return (
        early is not None and late is not None and late.low > 0 and late.per_hour >= _STILL * early.per_hour
    )


def processes(heaps: Sequence[StoredHeap]) -> list[ProcessHeap]:
    """Each instance's heap, those that leak first, then by size; at most `MOST_INSTANCES`, the latest seen."""
    by_instance: dict[str, list[StoredHeap]] = {}
    for one in heaps:
        by_instance.setdefault(one.instance, []).append(one)
    latest = sorted(by_instance, key=lambda name: -by_instance[name][-1].taken)[:MOST_INSTANCES]
    found = [_process(name, _thinned(by_instance[name])) for name in latest]
    return sorted(found, key=lambda one: (not one.leaks, -float(one.rss[-1])))


def detect_group(
    store: KeepsHeaps, group: str, now: float, known: Iterable[StoredFinding] = ()
) -> list[StoredFinding]:
    """A finding for each type that grows steadily in a process whose heap does; ``now`` in epoch seconds.

    One that goes on from a finding in ``known`` keeps its id; one that comes back a day after it was last seen is new.
    """
    found: dict[str, StoredFinding] = {}
    for process in processes(store.heaps(Span(group, now - WINDOW_S, now + 1))):
        if process.leaks:
            steady = [one for one in process.types if one.steady]
            for kind in steady[:NAMED]:
                with_it = [other.name for other in steady if other is not kind][:MOST_WITH]
                found.setdefault(kind.name, _finding(group, process, kind, with_it))
    return continued(found.values(), known)


def keeps_heaps(store: Store) -> KeepsHeaps | None:
    """The store, if it keeps heap summaries."""
    keeper: object = store
    return keeper if isinstance(keeper, KeepsHeaps) else None


def _finding(group: str, process: ProcessHeap, kind: TypeGrowth, with_it: Sequence[str]) -> StoredFinding:
    assert kind.counts is not None
    return heap_growth(
        group=group,
        kind=kind.name,
        instance=process.instance,
        start=float(process.times[0]),
        end=float(process.times[-1]),
        counts=(kind.counts.per_hour, kind.counts.low, kind.counts.high),
        bytes_per_hour=kind.bytes_per_hour,
        live=(float(process.live[0]), float(process.live[-1])),
        grows_with=with_it,
    )


def _process(name: str, heaps: Sequence[StoredHeap]) -> ProcessHeap:
    times = np.array([one.taken for one in heaps])
    rss = np.array([float(one.summary.rss_bytes) for one in heaps])
    live = np.array([float(sum(kind.bytes for kind in one.summary.types)) for one in heaps])
    # A count that was broken off says nothing of what it did not see.
    whole = np.array([one.summary.complete for one in heaps], bool)
    judged = whole if whole.sum() >= LEAST_POINTS else np.ones(len(heaps), bool)
    grown = float(live[judged][-1] - live[judged][0])
    leaks = (
        bool(whole.sum() >= LEAST_POINTS)
        and grown >= max(_LEAST_BYTES, _LEAST_GROWN * float(live[judged][0]))
        and is_steady(times[judged], live[judged])
    )
    types = _types(heaps, times, judged)
    return ProcessHeap(
        name, times, rss, live, theil_sen(times[judged], live[judged]), leaks, types, heaps[-1]
    )


def _types(heaps: Sequence[StoredHeap], times: Floats, judged: np.ndarray) -> list[TypeGrowth]:
    counts: dict[str, dict[int, tuple[int, int]]] = {}
    for at in np.flatnonzero(judged).tolist():
        for kind in heaps[at].summary.types:
            if not kind.name.startswith("("):
                counts.setdefault(kind.name, {})[at] = (kind.count, kind.bytes)
    found = [
        _type(name, times[list(seen)], np.array(list(seen.values()), float)) for name, seen in counts.items()
    ]
    return sorted(found, key=_order)


def _order(kind: TypeGrowth) -> tuple[bool, bool, float]:
    # Whose code a leak is, a class of one's own tells better than the dicts and strings that hang from it.
    builtin = "." not in kind.name
    return not kind.steady, kind.steady and builtin, -kind.bytes_per_hour


def _type(name: str, times: Floats, values: Floats) -> TypeGrowth:
    counts = theil_sen(times, values[:, 0])
    size = theil_sen(times, values[:, 1])
    grown = values[-1, 0] - values[0, 0]
    steady = grown >= max(_LEAST_COUNT, _LEAST_COUNT_GROWN * values[0, 0]) and is_steady(times, values[:, 0])
    now = values[-1]
    return TypeGrowth(name, int(now[0]), int(now[1]), counts, size.per_hour if size else 0.0, bool(steady))


def _thinned(heaps: Sequence[StoredHeap]) -> Sequence[StoredHeap]:
    """An even choice with the last one: pairs are as many as the square of the points."""
    step = -(-len(heaps) // MOST_POINTS)
    return heaps[::-1][::step][::-1]
