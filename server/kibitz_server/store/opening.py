"""A store by its address: a file for SQLite, ``postgresql://`` for several collectors on one database."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from kibitz_server.store import StoreError
from kibitz_server.store.rollup import Retention
from kibitz_server.store.sql import SqlStore
from kibitz_server.store.sqlite import sqlite_engine

_CONNECTIONS = 16


def open_store(address: str, retention: Retention | None = None) -> SqlStore:
    """The store at ``address``: a database's URL, or the path of an SQLite file."""
    return SqlStore(store_engine(address), retention)


def store_engine(address: str) -> Engine:
    """The engine for an address; `StoreError` says what can be given."""
    if "://" not in address:
        return sqlite_engine(address)
    try:
        url = make_url(address)
        if url.get_backend_name() == "sqlite" and url.database:
            return sqlite_engine(url.database)
        if url.get_backend_name() == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
            return sa.create_engine(url, pool_size=_CONNECTIONS, pool_pre_ping=True)
    except ImportError as error:
        raise StoreError("PostgreSQL needs its driver: pip install 'kibitz[postgresql]'") from error
    except (ArgumentError, NoSuchModuleError) as error:
        raise StoreError(f"not the address of a store: {address[:80]}") from error
    raise StoreError(
        f"no store of the kind {url.get_backend_name()}: expected postgresql:// or an SQLite file"
    )
