"""Stores of older versions are brought up to date, newer ones are left alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from kibitz_server import query
from kibitz_server.store import Span, StoreError, schema
from kibitz_server.store.sql import open_sqlite


def test_store_of_the_first_version_is_brought_up_to_date(tmp_path, make):
    path = tmp_path / "old.sqlite"
    dump = Path(__file__).parent / "stores" / "version1.sql"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(dump.read_text())
    store = open_sqlite(str(path))
    tree = query.merged_tree(store, Span("shop", 0, 1000))
    samples = {
        function.frame.name: function.self_value for function in query.top_functions(tree, "samples", 9)
    }
    assert samples == {"m:b": 9, "m:c0": 1, "m:c1": 1, "m:c2": 1, "m:a": 0}
    assert (tree.profiles, tree.instances, tree.limits) == (3, 2, ("MaxStackDepth",))
    shop, empty = store.groups()
    assert (shop.name, shop.profiles, shop.instances, shop.last_seen) == ("shop", 3, 2, 102.0)
    assert (empty.name, empty.profiles) == ("empty", 0)
    assert [finding.reason for finding in store.findings("shop")] == ["because"]
    assert not store.add("shop", make({"m:a;m:b": 2}), "t1", "kibitz"), "its token was seen before"
    assert store.add("shop", make({"m:a;m:b": 2, "m:new": 1}), "t9", "kibitz")
    assert store.check() == []
    store.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT value FROM meta").fetchone() == (str(schema.VERSION),)
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert tables == {table.name for table in schema.metadata.sorted_tables}


def test_newer_store_is_refused_and_left_as_it_is(tmp_path):
    path = str(tmp_path / "new.sqlite")
    open_sqlite(path).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE meta SET value = '999'")
    with pytest.raises(StoreError, match="upgrade"):
        open_sqlite(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT value FROM meta").fetchone() == ("999",)
