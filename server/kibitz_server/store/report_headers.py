"""The headers of reports: what is known of their processes and of the agents in them."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from kibitz_agent.profile import Header
from kibitz_agent.wire import header_from_fields
from kibitz_server.store import schema

_LARGE = ("blobs", "heap")  # a report's own business: reading them for thousands of reports takes seconds


def read(
    connection: Connection, groups: Sequence[str], start: float, end: float, most: int
) -> list[tuple[str, Header]]:
    """(group, header without its large parts) of reports that ended in [start, end), in their order in time.

    Where there are more than ``most``, an even choice of about so many.
    """
    profiles, names = schema.profiles, schema.groups
    chosen = sa.and_(names.c.name.in_(groups), profiles.c.ended >= start, profiles.c.ended < end)
    joined = profiles.join(names, names.c.id == profiles.c.group_id)
    count = connection.execute(sa.select(sa.func.count()).select_from(joined).where(chosen)).scalar_one()
    query = sa.select(names.c.name, profiles.c.header).select_from(joined).where(chosen)
    if count > most:
        query = query.where(profiles.c.id % -(-count // most) == 0)
    rows = connection.execute(query.order_by(profiles.c.ended))
    return [(name, _decoded(body)) for name, body in rows]


def counts(connection: Connection, groups: Sequence[str], start: float, end: float) -> dict[str, int]:
    """How many reports ended in [start, end), by group; those without any are left out."""
    profiles, names = schema.profiles, schema.groups
    joined = profiles.join(names, names.c.id == profiles.c.group_id)
    chosen = sa.and_(names.c.name.in_(groups), profiles.c.ended >= start, profiles.c.ended < end)
    query = sa.select(names.c.name, sa.func.count()).select_from(joined).where(chosen).group_by(names.c.name)
    return {name: count for name, count in connection.execute(query)}  # noqa: C416 -- rows are no tuples to mypy


def blobs(connection: Connection, group_id: int, start: float, end: float, most: int) -> dict[str, set[str]]:
    """By file name, the blob ids that the newest ``most`` reports which ended in [start, end) name."""
    profiles = schema.profiles
    chosen = sa.and_(profiles.c.group_id == group_id, profiles.c.ended >= start, profiles.c.ended < end)
    query = sa.select(profiles.c.header).where(chosen).order_by(profiles.c.ended.desc()).limit(most)
    found: dict[str, set[str]] = {}
    for (body,) in connection.execute(query):
        for file, blob in json.loads(zlib.decompress(body)).get("blobs", {}).items():
            found.setdefault(file, set()).add(blob)
    return found


def _decoded(body: bytes) -> Header:
    fields = json.loads(zlib.decompress(body))
    return header_from_fields({name: value for name, value in fields.items() if name not in _LARGE})
