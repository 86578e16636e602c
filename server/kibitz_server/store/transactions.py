"""Transactions on a SQL database: what is read inside one still holds when it is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError

from kibitz_server.store import StoreError

WRITING = "writing"


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes, committed at its end. ``connection.info`` says `WRITING` meanwhile."""
    with explained(), engine.connect() as connection:
        # Take the write lock first: what is read inside must still hold when it is written.
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        connection.info[WRITING] = True
        try:
            yield connection
        finally:
            connection.info.pop(WRITING, None)
        connection.commit()


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One state of the store for all that is read inside."""
    with explained(), engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")
        else:
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection
        connection.rollback()


@contextmanager
def explained() -> Iterator[None]:
    """Database errors as `StoreError`; a broken uniqueness rule stays what it is, its meaning is the caller's."""
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as error:
        raise StoreError(
            f"the store cannot be used: {error.orig}. Is the disk full, read-only or damaged?"
        ) from error
