"""Stores of older versions are brought up to date, newer ones are left alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from kibitz_server.store import StoreError, schema
from kibitz_server.store.sql import open_sqlite


def test_store_of_the_first_version_is_brought_up_to_date(tmp_path, make):
    path = str(tmp_path / "old.sqlite")
    store = open_sqlite(path)
    store.add("g", make({"a;b": 2}), "t", "test")
    store.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TABLE documents")
        connection.execute("UPDATE meta SET value = '1' WHERE key = 'schema'")
    store = open_sqlite(path)
    store.change_document("g", "tags", lambda _: {"a": "b"})
    assert store.document("g", "tags") == {"a": "b"}
    assert store.group("g").profiles == 1
    store.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT value FROM meta").fetchone() == (str(schema.VERSION),)


def test_newer_store_is_refused_and_left_as_it_is(tmp_path):
    path = str(tmp_path / "new.sqlite")
    open_sqlite(path).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE meta SET value = '999'")
    with pytest.raises(StoreError, match="upgrade"):
        open_sqlite(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT value FROM meta").fetchone() == ("999",)
