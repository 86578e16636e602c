"""Holding a call tree against patterns: array operations per name of a pattern, never a walk of the tree."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from kibitz_server.recommendations.calls import Calls, Mask
from kibitz_server.recommendations.names import Names
from kibitz_server.recommendations.pattern import ANY_DEPTH, CPU, GIL, WALL, Pattern

LEAST_SAMPLES = 10
"""A pattern seen in fewer samples is not spoken of, whatever their share."""

_TOP_MATCHES = 5

# Threads that wait for work are no work: wall time in them counts only where a pattern speaks of it.
_IDLE = (
    "threading:Condition.wait", "threading:Event.wait", "queue:*.get", "selectors:*.select", "socketserver:*.serve_forever",
    "concurrent.futures.thread:_worker", "socket:socket.accept", "threading:Thread.join", "execnet.gateway_base:*",
    "<Sleep>", "<queue.get>",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Match:
    """A place where a pattern was seen: the names down to it, the caller's file and line, the share of the whole.

    ``sequence``: which of the pattern's sequences of frames it was.
    """

    path: tuple[str, ...]
    file: str
    line: int
    share: float
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A pattern that speaks: ``share`` (0 to 1) of its measure, ``value`` in ``unit``, in how many places.

    ``cpu_value``: the CPU time of the same samples, whatever the measure.
    """

    pattern: Pattern
    share: float
    value: int
    cpu_value: int
    unit: str
    places: int
    samples: int
    top: tuple[Match, ...]


def recommend(calls: Calls, patterns: Iterable[Pattern]) -> list[Recommendation]:
    """The patterns that speak about these calls, the largest share first."""
    names = Names([frame.name for frame in calls.frames])
    idle = _ends(calls, names, _IDLE)
    found = [one for pattern in patterns if (one := _judged(calls, names, idle, pattern)) is not None]
    return sorted(found, key=lambda one: (-one.share, one.pattern.id))


def _judged(calls: Calls, names: Names, idle: Mask, pattern: Pattern) -> Recommendation | None:
    sequences = matched(calls, names, pattern)
    ends = sequences >= 0
    if not ends.any():
        return None
    covered = ends | calls.below(ends)
    # Where nobody could measure CPU time, wall time stands in for it: without threads that wait for work.
    measure = WALL if pattern.measure == CPU and not calls.values[CPU].any() else pattern.measure
    values = calls.values[measure]
    value, samples = int(values[covered].sum()), int(calls.samples[covered].sum())
    at_work = np.ones_like(idle) if measure == CPU else covered | ~idle
    whole = int((calls.values[WALL] if measure == GIL else values)[at_work].sum())
    if samples < LEAST_SAMPLES or not whole or value / whole < pattern.threshold:
        return None
    outermost = np.flatnonzero(ends & ~calls.below(ends))
    top = _top(calls, outermost, sequences, values, whole)
    cpu = int(calls.values[CPU][covered].sum())
    return Recommendation(pattern, value / whole, value, cpu, calls.unit, len(outermost), samples, top)


def matched(calls: Calls, names: Names, pattern: Pattern) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """(nodes,): the first of the pattern's sequences that ends there with nothing to excuse it, else -1."""
    found = np.full(len(calls.parent), -1)
    for index, sequence in reversed(list(enumerate(pattern.frames))):
        found[_sequence(calls, names, sequence)] = index
    if pattern.unless and (found >= 0).any():
        excused = _ends(calls, names, pattern.unless)
        found[excused | calls.below(excused)] = -1
    return found


def _sequence(calls: Calls, names: Names, sequence: tuple[str, ...]) -> Mask:
    so_far: Mask | None = None
    any_depth = False
    for name in sequence:
        if name == ANY_DEPTH:
            any_depth = True
            continue
        here = names.matching(name)[calls.frame]
        if so_far is not None and here.any():
            here = here & (calls.below(so_far) if any_depth else _called_by(calls, so_far))
        so_far, any_depth = here, False
        if not here.any():
            break
    assert so_far is not None
    return so_far


def _called_by(calls: Calls, marked: Mask) -> Mask:
    return np.where(calls.parent >= 0, marked[calls.parent], False)


def _ends(calls: Calls, names: Names, wanted: tuple[str, ...]) -> Mask:
    frames = np.zeros(len(calls.frames), bool)
    for name in wanted:
        frames |= names.matching(name)
    return np.asarray(frames[calls.frame]) if len(frames) else np.zeros(len(calls.parent), bool)


def _top(
    calls: Calls,
    nodes: np.ndarray[tuple[int], np.dtype[np.int64]],
    sequences: np.ndarray[tuple[int], np.dtype[np.int64]],
    values: np.ndarray[tuple[int], np.dtype[np.int64]],
    whole: int,
) -> tuple[Match, ...]:
    """The places with the largest values, added up over lines and callers of one caller function."""
    order = np.empty(len(values), np.int64)
    order[calls.first] = np.arange(len(values))
    sums = np.concatenate([[0], np.cumsum(values[order])])
    totals = sums[calls.last[nodes]] - sums[calls.first[nodes]]
    chosen = nodes[np.argsort(-totals, kind="stable")][:_TOP_MATCHES]
    return tuple(
        _match(
            calls,
            int(node),
            int(sums[calls.last[node]] - sums[calls.first[node]]) / whole,
            int(sequences[node]),
        )
        for node in chosen
    )


def _match(calls: Calls, node: int, share: float, sequence: int) -> Match:
    path = calls.path(node)
    caller = path[-2] if len(path) > 1 else path[-1]
    frame = calls.frames[int(calls.frame[caller])]
    names = tuple(calls.frames[int(calls.frame[step])].name for step in path)
    return Match(names, frame.file, int(calls.line[caller]), share, sequence)
