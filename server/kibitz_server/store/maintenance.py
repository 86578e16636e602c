"""Care for a store: check, back up while it is in use, restore, compact, copy into another database."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from kibitz_server.store import StoreError, audit, dictionaries, migrations, schema
from kibitz_server.store.sql import SqlStore
from kibitz_server.store.sqlite import sqlite_engine
from kibitz_server.store.transactions import explained

LOCK_FILE = "kibitz.lock"
_PAGES_AT_ONCE = 1000
_ROWS_AT_ONCE = 500


def check(path: Path) -> list[str]:
    """What is wrong with the store in a file, in sentences; the file is not changed."""
    if not path.is_file():
        raise StoreError(f"{path}: there is no store")
    engine = sqlite_engine(str(path), read_only=True)
    try:
        with explained(), engine.connect() as connection:
            version = migrations.version(connection)
            if version != schema.VERSION:
                return [
                    f"it has schema version {version}, this Kibitz knows {schema.VERSION}: run kibitz store migrate"
                ]
            return audit.problems(connection)
    except StoreError as error:
        return [str(error)]
    finally:
        engine.dispose()


def back_up(path: Path, target: Path) -> None:
    """A copy of the store as it is at one moment, checked and synced, although it may be in use."""
    if not path.is_file():
        raise StoreError(f"{path}: there is no store")
    if target.exists():
        raise StoreError(f"{target} exists already: choose another name, or remove it first")
    partial = target.with_name(target.name + ".partial")
    try:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(partial)) as copy:
            source.backup(copy, pages=_PAGES_AT_ONCE)
            copy.execute("PRAGMA journal_mode=DELETE")
        problems = check(partial)
        if problems:
            raise StoreError(f"the copy is not sound: {problems[0]}")
        _synced(partial)
        partial.rename(target)
        _synced(target.parent)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"cannot back up to {target}: {error}") from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def restore(backup: Path, path: Path, *, force: bool = False) -> None:
    """Put a backup in place of the store; refused while a collector uses it, or over another store without ``force``."""
    problems = check(backup)
    if problems:
        raise StoreError(f"{backup} is not sound: {problems[0]}")
    if path.exists() and not force:
        raise StoreError(f"{path} holds a store already: give --force to replace it")
    with alone(path.parent):
        partial = path.with_name(path.name + ".partial")
        partial.write_bytes(backup.read_bytes())
        _synced(partial)
        for suffix in ("-wal", "-shm"):  # they belong to the store that goes
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        partial.rename(path)
        _synced(path.parent)


def compact(store: SqlStore) -> None:
    """Dictionaries in one piece each, free pages given back."""
    with explained(), store.engine.connect() as connection:
        sqlite = store.engine.dialect.name == "sqlite"
        if sqlite:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        for group_id in connection.scalars(sa.select(schema.groups.c.id).with_for_update()).all():
            dictionaries.compact(connection, group_id)
        connection.commit()
        if sqlite:
            connection.exec_driver_sql("VACUUM")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def copy(source: Engine, target: Engine) -> int:
    """All of one database into another, empty one, in one transaction; how many rows."""
    return _copy(source, target, schema.metadata.sorted_tables)


def copy_beside(source: Engine, target: Engine) -> int:
    """All but samples into another, empty database: what is kept beside ClickHouse; how many rows."""
    samples = (schema.profiles, schema.buckets, schema.chunks)
    return _copy(source, target, [table for table in schema.metadata.sorted_tables if table not in samples])


def _copy(source: Engine, target: Engine, tables: Sequence[sa.Table]) -> int:
    rows, nothing = 0, {}
    if schema.chunks not in tables:  # a group that has no dictionary must not say that it has one
        nothing = dict.fromkeys(("profiles", "frames", "nodes", "label_sets"), 0)
    with explained(), source.connect() as reader, target.begin() as writer:
        schema.metadata.create_all(writer)
        if writer.scalar(sa.select(sa.func.count()).select_from(schema.groups)):
            raise StoreError("the database to copy into has profiling groups already: it must be empty")
        writer.execute(schema.meta.delete())
        for table in tables:
            changed = nothing if table is schema.groups else {}
            for batch in reader.execute(sa.select(table)).mappings().partitions(_ROWS_AT_ONCE):
                writer.execute(table.insert(), [{**row, **changed} for row in batch])
                rows += len(batch)
        if target.dialect.name == "postgresql":
            _continue_numbers(writer)
    return rows


def _continue_numbers(connection: sa.Connection) -> None:
    """PostgreSQL numbers new rows by itself: from where the copied ones end."""
    for table in (schema.groups, schema.profiles):
        connection.exec_driver_sql(
            f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), "
            f"(SELECT coalesce(max(id), 0) + 1 FROM {table.name}), false)"
        )


@contextmanager
def in_use(data: Path) -> Iterator[None]:
    """Mark a data directory as used by a collector; several may."""
    with _locked(data, exclusive=False):
        yield


@contextmanager
def alone(data: Path) -> Iterator[None]:
    """`StoreError` if a collector uses the data directory; none can start within."""
    with _locked(data, exclusive=True):
        yield


@contextmanager
def _locked(data: Path, *, exclusive: bool) -> Iterator[None]:
    try:
        import fcntl
    except ImportError:  # Windows: an open database file cannot be replaced there anyway
        yield
        return
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (data / LOCK_FILE).open("a") as file:
        kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError as error:
            user = "a collector uses it: stop that first" if exclusive else "it is being restored"
            raise StoreError(f"{data} cannot be used, {user}") from error
        yield


def _synced(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
