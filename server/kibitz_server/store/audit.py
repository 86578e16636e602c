"""Is the store sound? Reads all of it, and says in sentences what is not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row
from sqlalchemy.exc import DBAPIError

from kibitz_server.store import StoreError, codec, dictionaries, samples, schema
from kibitz_server.store.dictionary import GroupDictionary


def problems(connection: Connection) -> list[str]:
    """What is wrong, in sentences; empty when nothing is."""
    found: list[str] = []
    try:
        if connection.engine.dialect.name == "sqlite":
            found += [
                f"SQLite: {row[0]}"
                for row in connection.exec_driver_sql("PRAGMA integrity_check")
                if row[0] != "ok"
            ]
        for group in connection.execute(sa.select(schema.groups)).all():
            found += [f"group {group.name}: {problem}" for problem in _group_problems(connection, group)]
    except DBAPIError as error:
        found.append(f"the database cannot be read: {error.orig}")
    return found


def _group_problems(connection: Connection, group: Row[Any]) -> Iterator[str]:
    dictionary = GroupDictionary()
    try:
        dictionaries.load(connection, group.id, dictionary)
    except (StoreError, ValueError) as error:
        yield f"its dictionary is damaged ({error})"
        return
    sizes = dictionary.sizes
    if sizes != (group.frames, group.nodes, group.label_sets):
        yield f"its dictionary has {sizes} entries, expected {(group.frames, group.nodes, group.label_sets)}"
    parent, frame, _ = dictionary.nodes_since(0)
    if len(parent) and ((parent >= np.arange(len(parent))).any() or frame.max() >= sizes[0]):
        yield "its call tree refers to nodes or frames that it does not have"
    profiles, buckets = schema.profiles, schema.buckets
    reports = sa.select(profiles.c.id, profiles.c.samples).where(profiles.c.group_id == group.id)
    for number, blob in connection.execute(reports):
        for problem in _blob_problems(blob, sizes):
            yield f"profile {number}: {problem}"
    aggregates = sa.select(buckets).where(buckets.c.group_id == group.id)
    for row in connection.execute(aggregates):
        for problem in _blob_problems(row.samples, sizes):
            yield f"the bucket of {row.step} s at {row.start:.0f}: {problem}"
    yield from _sum_problems(connection, group.id)


def _blob_problems(blob: bytes, sizes: tuple[int, int, int]) -> Iterator[str]:
    try:
        node, labels, _ = codec.decode(blob)
    except StoreError as error:
        yield str(error)
        return
    if len(node) and (node.max() >= sizes[1] or labels.max() >= sizes[2]):
        yield "it refers to nodes or labels that its group does not have"


def _sum_problems(connection: Connection, group_id: int) -> Iterator[str]:
    """Whether every hour's bucket counts as many reports as the 5-minute buckets in it, where those are kept."""
    table = schema.buckets
    counts: dict[tuple[int, float], int] = {}
    query = sa.select(table.c.step, table.c.start, table.c.summary).where(table.c.group_id == group_id)
    for step, start, summary in connection.execute(query):
        counts[step, start] = samples.part_from_json(summary).profiles
    for (step, start), count in counts.items():
        if step != samples.STEPS_S[1]:
            continue
        inside = [counts.get((300, start + offset), 0) for offset in range(0, 3600, 300)]
        if any(inside) and sum(inside) != count:
            yield f"the hour at {start:.0f} has {count} reports, its parts have {sum(inside)}"
