"""Bringing an older store's tables up to date: one step a version, forward only."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from kibitz_server.store import StoreError, schema


def _add_documents(connection: Connection) -> None:
    schema.documents.create(connection, checkfirst=True)


# From which version, what to do to get to the next.
STEPS: dict[int, Callable[[Connection], None]] = {1: _add_documents}


def prepare(connection: Connection) -> None:
    """Make the tables of an empty database, or bring those of an older version up to date; within one transaction.

    `StoreError` when the store is newer than this program.
    """
    if not sa.inspect(connection).has_table(schema.meta.name):
        schema.metadata.create_all(connection)
        connection.execute(schema.meta.insert().values(key="schema", value=str(schema.VERSION)))
        return
    found = int(connection.scalar(sa.select(schema.meta.c.value).where(schema.meta.c.key == "schema")) or 0)
    if found > schema.VERSION:
        raise StoreError(
            f"the store has schema version {found}, this Kibitz knows {schema.VERSION}: upgrade the older of the two"
        )
    for version in range(found, schema.VERSION):
        STEPS[version](connection)
    if found < schema.VERSION:
        version_row = schema.meta.update().where(schema.meta.c.key == "schema")
        connection.execute(version_row.values(value=str(schema.VERSION)))
