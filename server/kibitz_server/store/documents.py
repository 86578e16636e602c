"""Documents of a group in the tables: JSON objects by kind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from kibitz_server.store import schema


def read(connection: Connection, group_id: int, kind: str) -> Mapping[str, Any]:
    """The group's document of a kind; empty when there is none."""
    documents = schema.documents
    query = sa.select(documents.c.body).where(documents.c.group_id == group_id, documents.c.kind == kind)
    body = connection.scalar(query)
    return {} if body is None else json.loads(body)


def save(connection: Connection, group_id: int, kind: str, body: Mapping[str, Any]) -> None:
    """Put a document in the place of the one there."""
    documents = schema.documents
    connection.execute(documents.delete().where(documents.c.group_id == group_id, documents.c.kind == kind))
    row = documents.insert().values(group_id=group_id, kind=kind, body=json.dumps(dict(body)))
    connection.execute(row)
