"""Bringing an older store's tables up to date: one step a version, forward only."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from kibitz_server.store import StoreError, chunks, schema


def _add_documents(connection: Connection) -> None:
    schema.documents.create(connection, checkfirst=True)


def _pack_dictionaries(connection: Connection) -> None:
    """Version 3: dictionaries in chunks instead of rows, counts with the group, rollups, facts beside the header."""
    for name in ("first_seen", "last_seen"):
        connection.exec_driver_sql(
            f"ALTER TABLE profiling_groups ADD COLUMN {name} DOUBLE PRECISION NOT NULL DEFAULT 0"
        )
    for name in ("profiles", "instances", "frames", "nodes", "label_sets"):
        connection.exec_driver_sql(
            f"ALTER TABLE profiling_groups ADD COLUMN {name} INTEGER NOT NULL DEFAULT 0"
        )
    connection.exec_driver_sql("ALTER TABLE profiles RENAME TO profiles_before")
    connection.exec_driver_sql("DROP INDEX profiles_by_time")
    for table in (schema.chunks, schema.profiles, schema.buckets):
        table.create(connection)
    for (group_id,) in connection.exec_driver_sql("SELECT id FROM profiling_groups").all():
        _pack_group(connection, int(group_id))
    for name in ("profiles_before", "label_sets", "nodes", "frames"):
        connection.exec_driver_sql(f"DROP TABLE {name}")


def _pack_group(connection: Connection, group_id: int) -> None:
    def rows(columns: str, table: str) -> list[sa.Row[Any]]:
        text = sa.text(f"SELECT {columns} FROM {table} WHERE group_id = :group_id ORDER BY id")
        return list(connection.execute(text, {"group_id": group_id}))

    frames = [list(row) for row in rows("name, file, line", "frames")]
    nodes = np.array([list(row) for row in rows("parent, frame, line", "nodes")], np.int64).reshape(-1, 3)
    label_sets = [json.loads(row[0]) for row in rows("labels", "label_sets")]
    bodies: list[tuple[str, int, bytes]] = [
        (chunks.FRAMES, len(frames), chunks.encode_texts(frames)),
        (chunks.NODES, len(nodes), chunks.encode_nodes(*nodes.T)),
        (chunks.LABEL_SETS, len(label_sets), chunks.encode_texts(label_sets)),
    ]
    for kind, count, body in bodies:
        if count:
            values = {"group_id": group_id, "kind": kind, "first": 0, "body": body}
            connection.execute(schema.chunks.insert().values(**values))
    columns = "token, source, started, ended, instance, revision, header, samples"
    reports = [row._mapping for row in rows(columns, "profiles_before")]  # noqa: SLF001
    for report in reports:
        values = {**report, **_facts_of(report["header"]), "received": report["ended"], "rolled": 0}
        connection.execute(schema.profiles.insert().values(group_id=group_id, **values))
    counts = {
        "first_seen": min((report["started"] for report in reports), default=0.0),
        "last_seen": max((report["ended"] for report in reports), default=0.0),
        "profiles": len(reports),
        "instances": len({report["instance"] for report in reports}),
        "frames": len(frames),
        "nodes": len(nodes),
        "label_sets": len(label_sets),
    }
    connection.execute(schema.groups.update().where(schema.groups.c.id == group_id).values(**counts))


def _facts_of(header: str) -> dict[str, Any]:
    fields = json.loads(header)
    facts = {
        "types": fields.pop("value_types"),
        "limits": sorted(fields.get("limits", [])),
        "samplers": [fields.get("sampler", "")],
        "interval_ns": fields.get("interval_ns", 0),
        "runtime": fields.get("runtime", ""),
    }
    return {
        "facts": json.dumps(facts, separators=(",", ":")),
        "header": zlib.compress(json.dumps(fields, separators=(",", ":")).encode(), 1),
    }


def _add_tokens(connection: Connection) -> None:
    schema.tokens.create(connection, checkfirst=True)


def _add_heaps(connection: Connection) -> None:
    schema.heaps.create(connection, checkfirst=True)


_LOCK = 0x6B696269  # any number, the same for all collectors

# From which version, what to do to get to the next.
STEPS: dict[int, Callable[[Connection], None]] = {
    1: _add_documents,
    2: _pack_dictionaries,
    3: _add_tokens,
    4: _add_heaps,
}


def version(connection: Connection) -> int:
    """The schema version of a database that holds a store; 0 where there is none."""
    if not sa.inspect(connection).has_table(schema.meta.name):
        return 0
    return int(connection.scalar(sa.select(schema.meta.c.value).where(schema.meta.c.key == "schema")) or 0)


def prepare(connection: Connection) -> None:
    """Make the tables of an empty database, or bring those of an older version up to date; within one transaction.

    `StoreError` when the store is newer than this program.
    """
    if connection.engine.dialect.name == "postgresql":  # collectors that start together: one makes the tables
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
    found = version(connection)
    if found == 0:
        schema.metadata.create_all(connection)
        connection.execute(schema.meta.insert().values(key="schema", value=str(schema.VERSION)))
        return
    if found > schema.VERSION:
        raise StoreError(
            f"the store has schema version {found}, this Kibitz knows {schema.VERSION}: upgrade the older of the two"
        )
    for step in range(found, schema.VERSION):
        STEPS[step](connection)
    if found < schema.VERSION:
        version_row = schema.meta.update().where(schema.meta.c.key == "schema")
        connection.execute(version_row.values(value=str(schema.VERSION)))
