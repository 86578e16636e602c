"""Reading a span's samples from the tables: whole buckets of rollups inside, single reports at its edges."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from kibitz_agent.profile import ValueType
from kibitz_server.store import Part, Samples, Span, codec, schema

STEPS_S = (300, 3600, 86_400)


@dataclass(frozen=True, slots=True)
class Cover:
    """How a span is put together: buckets as (step, start, end), and where single reports are read, rolled up or not."""

    buckets: tuple[tuple[int, float, float], ...]
    edges: tuple[tuple[float, float], ...]


def cover(start: float, end: float, kept_from: dict[int, float], coarsest_s: float) -> Cover:
    """The fewest pieces that make up [start, end): days within hours within five minutes within single reports.

    ``kept_from`` says from when on each step (0: single reports) is still kept; older pieces come from the next
    coarser step that has them, whole, if they begin in the span.
    """
    buckets: list[tuple[int, float, float]] = []
    edges: list[tuple[float, float]] = []
    usable = [step for step in STEPS_S if step <= coarsest_s]

    def fill(low: float, high: float, level: int) -> None:
        if not low < high:
            return
        if level < 0:
            _split(low, high, kept_from.get(0, 0.0), STEPS_S[0], edges, buckets)
            return
        step = usable[level]
        first, last = -(-low // step) * step, high // step * step
        if first >= last:
            fill(low, high, level - 1)
            return
        fill(low, first, level - 1)
        _coarsened(step, first, last, kept_from, buckets)
        fill(last, high, level - 1)

    fill(start, end, len(usable) - 1)
    return Cover(tuple(buckets), tuple(edges))


def _split(
    low: float,
    high: float,
    raw_from: float,
    step: int,
    edges: list[tuple[float, float]],
    buckets: list[tuple[int, float, float]],
) -> None:
    """An edge that single reports cover as far back as they are kept; before that, the buckets that begin in it."""
    if max(low, raw_from) < high:
        edges.append((max(low, raw_from), high))
    if low < raw_from:
        buckets.append((step, low, min(high, raw_from)))


def _coarsened(
    step: int, first: float, last: float, kept_from: dict[int, float], buckets: list[tuple[int, float, float]]
) -> None:
    horizon = kept_from.get(step, 0.0)
    if last > horizon:
        buckets.append((step, max(first, horizon), last))
    coarser = next((other for other in STEPS_S if other > step), None)
    if first < horizon and coarser is not None:
        _coarsened(coarser, first, min(last, horizon), kept_from, buckets)


def read(connection: Connection, group_id: int, span: Span, pieces: Cover) -> Samples:
    """The span's samples. Reports that are not rolled up yet are read one by one wherever they fall."""
    profiles = schema.profiles
    in_edges = [sa.and_(profiles.c.ended >= low, profiles.c.ended < high) for low, high in pieces.edges]
    chosen = sa.or_(profiles.c.rolled == 0, *in_edges)
    query = (
        sa.select(
            profiles.c.started,
            profiles.c.ended,
            profiles.c.instance,
            profiles.c.revision,
            profiles.c.facts,
            profiles.c.samples,
        )
        .where(
            profiles.c.group_id == group_id,
            profiles.c.ended >= span.start,
            profiles.c.ended < span.end,
            chosen,
        )
        .order_by(profiles.c.ended, profiles.c.id)
    )
    found = [(report_part(*row[:5]), row[5]) for row in connection.execute(query)]
    for step, low, high in pieces.buckets:
        found += _buckets(connection, group_id, step, low, high)
    return joined(found)


def _buckets(
    connection: Connection, group_id: int, step: int, low: float, high: float
) -> Iterator[tuple[Part, bytes]]:
    buckets = schema.buckets
    query = (
        sa.select(buckets.c.summary, buckets.c.samples)
        .where(
            buckets.c.group_id == group_id,
            buckets.c.step == step,
            buckets.c.start >= low,
            buckets.c.start < high,
        )
        .order_by(buckets.c.start)
    )
    for summary, samples in connection.execute(query):
        yield part_from_json(summary), samples


def joined(found: Sequence[tuple[Part, bytes]]) -> Samples:
    """Blobs end to end. Their value types are united by name; one that lacks a type counts 0 in it."""
    types = codec.united(part.types for part, _ in found)
    rows = [codec.shape(blob)[0] for _, blob in found]
    count = sum(rows)
    node, labels = np.empty(count, np.int64), np.empty(count, np.int64)
    complete = all(part.types == types for part, _ in found)
    values = (np.empty if complete else np.zeros)((len(types), count), np.int64)
    at = 0
    for (part, blob), size in zip(found, rows, strict=True):
        to = slice(at, at + size)
        columns = [values[types.index(kind), to] for kind in part.types]
        codec.decode_into(blob, node[to], labels[to], columns)
        at += size
    profile = np.repeat(np.arange(len(found)), rows)
    return Samples([part for part, _ in found], profile, node, labels, types, values.T)


def report_part(started: float, ended: float, instance: str, revision: str, facts: str) -> Part:
    """What is known of one report."""
    types, limits, samplers, interval_ns, runtime = _facts(facts)
    return Part(
        start=started,
        end=ended,
        profiles=1,
        instances=frozenset({instance}),
        revisions=frozenset({revision}),
        types=types,
        limits=limits,
        samplers=samplers,
        interval_ns=interval_ns,
        runtime=runtime,
    )


def merged_part(parts: Sequence[Part]) -> Part:
    """What is known of several together."""
    return Part(
        start=min(part.start for part in parts),
        end=max(part.end for part in parts),
        profiles=sum(part.profiles for part in parts),
        instances=frozenset().union(*(part.instances for part in parts)),
        revisions=frozenset().union(*(part.revisions for part in parts)),
        types=codec.united(part.types for part in parts),
        limits=frozenset().union(*(part.limits for part in parts)),
        samplers=frozenset().union(*(part.samplers for part in parts)),
        interval_ns=parts[0].interval_ns,
        runtime=parts[0].runtime,
    )


def facts_json(part: Part) -> str:
    """What many reports have in common, as text: equal for equal facts."""
    return json.dumps(_common(part), separators=(",", ":"))


def part_to_json(part: Part) -> str:
    """A bucket's summary."""
    fields = {
        **_common(part),
        "start": part.start,
        "end": part.end,
        "profiles": part.profiles,
        "instances": sorted(part.instances),
        "revisions": sorted(part.revisions),
    }
    return json.dumps(fields, separators=(",", ":"))


def part_from_json(text: str) -> Part:
    """The reverse of `part_to_json`."""
    fields = json.loads(text)
    types, limits, samplers, interval_ns, runtime = _facts(text)
    return Part(
        start=fields["start"],
        end=fields["end"],
        profiles=fields["profiles"],
        instances=frozenset(fields["instances"]),
        revisions=frozenset(fields["revisions"]),
        types=types,
        limits=limits,
        samplers=samplers,
        interval_ns=interval_ns,
        runtime=runtime,
    )


def _common(part: Part) -> dict[str, Any]:
    return {
        "types": [[kind.name, kind.unit] for kind in part.types],
        "limits": sorted(part.limits),
        "samplers": sorted(part.samplers),
        "interval_ns": part.interval_ns,
        "runtime": part.runtime,
    }


@lru_cache(1024)
def _facts(text: str) -> tuple[tuple[ValueType, ...], frozenset[str], frozenset[str], int, str]:
    fields = json.loads(text)
    types = tuple(ValueType(name, unit) for name, unit in fields["types"])
    return (
        types,
        frozenset(fields["limits"]),
        frozenset(fields["samplers"]),
        fields["interval_ns"],
        fields["runtime"],
    )
