"""Heap summaries in the tables: what each report said of its process's heap."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from kibitz_agent import heap
from kibitz_agent.heap import HeapSummary
from kibitz_agent.profile import Header
from kibitz_server.store import Span, schema

MOST = 2000


@dataclass(frozen=True, slots=True)
class StoredHeap:
    """A summary and where it is from. ``taken``: epoch seconds."""

    taken: float
    instance: str
    revision: str
    summary: HeapSummary


def insert(connection: Connection, group_id: int, headers: Sequence[Header]) -> None:
    """Keep what the headers say of heaps, by the time that the report ended where none was told."""
    rows = [
        {
            "group_id": group_id,
            "taken": (header.heap.taken_ns or header.end_ns) / 1e9,
            "instance": header.instance,
            "revision": header.revision,
            "body": zlib.compress(json.dumps(heap.to_fields(header.heap), separators=(",", ":")).encode()),
        }
        for header in headers
        if header.heap is not None
    ]
    if rows:
        connection.execute(schema.heaps.insert(), rows)


def read(connection: Connection, group_id: int, span: Span, most: int) -> list[StoredHeap]:
    """The summaries taken in the span, in their order in time; an even choice where there are more than ``most``."""
    table = schema.heaps
    chosen = sa.and_(table.c.group_id == group_id, table.c.taken >= span.start, table.c.taken < span.end)
    count = connection.execute(sa.select(sa.func.count()).select_from(table).where(chosen)).scalar_one()
    query = sa.select(table).where(chosen)
    if count > most:
        query = query.where(table.c.id % -(-count // most) == 0)
    return [
        StoredHeap(
            row.taken, row.instance, row.revision, heap.from_fields(json.loads(zlib.decompress(row.body)))
        )
        for row in connection.execute(query.order_by(table.c.taken, table.c.id))
    ]


def expire(connection: Connection, group_id: int, before: float) -> None:
    """Let go of what was taken before then, epoch seconds."""
    table = schema.heaps
    connection.execute(table.delete().where(table.c.group_id == group_id, table.c.taken < before))
