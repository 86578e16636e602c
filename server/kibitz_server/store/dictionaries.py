"""Dictionaries in memory and in the tables: every transaction that brings something new adds one chunk per kind."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from kibitz_server.store import chunks, schema
from kibitz_server.store.dictionary import GroupDictionary, Sizes


class HeldDictionaries:
    """The dictionaries that a process has in memory, by group. Everything but the lock itself is used with it held."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._held: dict[str, GroupDictionary] = {}

    @property
    def folds(self) -> int:
        """How many label values the guards have folded since this process began."""
        return sum(dictionary.cardinality.folds for dictionary in list(self._held.values()))

    def get(self, group: str) -> GroupDictionary | None:
        """What is in memory of a group, perhaps behind what the tables have."""
        return self._held.get(group)

    def empty(self, group: str) -> GroupDictionary:
        """The dictionary of a group that is not in the tables."""
        return self._held.setdefault(group, GroupDictionary())

    def drop(self, group: str) -> None:
        """Forget a group."""
        with self.lock:
            self._held.pop(group, None)

    def current(self, connection: Connection, row: Row[Any]) -> GroupDictionary:
        """The dictionary in memory if the tables have nothing it lacks; else it catches up. ``row``: the group's.

        One that is ahead of the tables while they have grown otherwise has given ids that are somebody else's now.
        """
        identity = (row.id, row.created)
        held = self._held.setdefault(row.name, GroupDictionary(identity))
        held.identity = held.identity or identity
        sizes = (row.frames, row.nodes, row.label_sets)
        shrunk = any(have > there for have, there in zip(held.persisted, sizes, strict=True))
        if held.identity == identity and held.persisted == sizes:
            return held
        if held.identity != identity or shrunk:
            held = self._held[row.name] = GroupDictionary(identity)
        if held.ahead:
            held.roll_back()
        load(connection, row.id, held)
        if held.sizes != sizes:  # chunks were made one by another collector's compaction: read them all
            held = self._held[row.name] = GroupDictionary(identity)
            load(connection, row.id, held)
        held.persisted = held.sizes
        return held


def load(connection: Connection, group_id: int, dictionary: GroupDictionary) -> None:
    """Take in what the tables have beyond ``dictionary``."""
    frames, nodes, label_sets = dictionary.sizes
    for body in _bodies(connection, group_id, chunks.FRAMES, frames):
        dictionary.load_frames(chunks.decode_frames(body))
    for body in _bodies(connection, group_id, chunks.NODES, nodes):
        dictionary.load_nodes(*chunks.decode_nodes(body))
    for body in _bodies(connection, group_id, chunks.LABEL_SETS, label_sets):
        dictionary.load_label_sets(chunks.decode_label_sets(body))


def persist(connection: Connection, group_id: int, dictionary: GroupDictionary) -> Sizes:
    """Write what the tables lack; the sizes they have then. The caller's transaction makes it so."""
    held, sizes = dictionary.persisted, dictionary.sizes
    rows = []
    if sizes[0] > held[0]:
        rows.append((chunks.FRAMES, held[0], chunks.encode_texts(dictionary.frames_since(held[0]))))
    if sizes[1] > held[1]:
        rows.append((chunks.NODES, held[1], chunks.encode_nodes(*dictionary.nodes_since(held[1]))))
    if sizes[2] > held[2]:
        rows.append((chunks.LABEL_SETS, held[2], chunks.encode_texts(dictionary.label_sets_since(held[2]))))
    if rows:
        columns = ("kind", "first", "body")
        values = [{"group_id": group_id, **dict(zip(columns, row, strict=True))} for row in rows]
        connection.execute(schema.chunks.insert(), values)
    return sizes


def compact(connection: Connection, group_id: int) -> None:
    """Many small chunks as one of each kind."""
    dictionary = GroupDictionary()
    load(connection, group_id, dictionary)
    connection.execute(schema.chunks.delete().where(schema.chunks.c.group_id == group_id))
    persist(connection, group_id, dictionary)


def _bodies(connection: Connection, group_id: int, kind: str, known: int) -> Iterator[bytes]:
    """The chunks from id ``known`` on, where one of them ends."""
    table = schema.chunks
    query = (
        sa.select(table.c.body)
        .where(table.c.group_id == group_id, table.c.kind == kind, table.c.first >= known)
        .order_by(table.c.first)
    )
    yield from connection.execute(query).scalars()
