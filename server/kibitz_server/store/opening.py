"""A store by its address: a file for SQLite, ``postgresql://`` for several collectors on one database, ``clickhouse://``."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from kibitz_server.retention import Retention
from kibitz_server.store import StoreError
from kibitz_server.store.clickhouse import connection
from kibitz_server.store.clickhouse.store import ClickHouseStore
from kibitz_server.store.sql import SqlStore
from kibitz_server.store.sqlite import sqlite_engine

_CONNECTIONS = 16


def open_store(
    address: str, retention: Retention | None = None, beside: str = ""
) -> SqlStore | ClickHouseStore:
    """The store at ``address``: a database's URL, or the path of an SQLite file.

    ClickHouse keeps samples; the rest is kept in ``beside``, another address, unless its own says ``?with=URL``.
    """
    if address.partition("://")[0] not in connection.SCHEMES:
        return open_sql(address, retention)
    return open_clickhouse(address, retention, beside)


def open_clickhouse(address: str, retention: Retention | None = None, beside: str = "") -> ClickHouseStore:
    """Samples in ClickHouse, the rest in the database that its address names, or in ``beside``."""
    place, named = connection.beside(address)
    if not (named or beside):
        raise StoreError(
            "ClickHouse keeps samples: say where the rest is kept, clickhouse://...?with=postgresql://..."
        )
    samples = connection.Connection(place)
    return ClickHouseStore(samples, open_sql(named or beside, retention), retention)


def open_sql(address: str, retention: Retention | None = None) -> SqlStore:
    """The store in one SQL database."""
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
        f"no store of the kind {url.get_backend_name()}: expected postgresql://, clickhouse:// or an SQLite file"
    )
