"""ClickHouse by itself: what is copied into it, what it needs beside it. Its answers: test_stores.py."""

from __future__ import annotations

import importlib.util
import os
import random
import sys

import pytest

from kibitz_agent.profile import Frame, Header, ProfileBuilder, ValueType
from kibitz_server.retention import Retention
from kibitz_server.store import Span, StoreError, maintenance
from kibitz_server.store.clickhouse import copying
from kibitz_server.store.clickhouse.connection import Connection, beside
from kibitz_server.store.clickhouse.store import ClickHouseStore
from kibitz_server.store.opening import open_sql, open_store
from kibitz_server.store.sql import SqlStore
from kibitz_server.store.sqlite import sqlite_engine

DAY_S = 86_400.0
FOREVER = Retention(*[60 * 365 * DAY_S] * 4)
KEPT = Retention(2 * DAY_S, 5 * DAY_S, 60 * DAY_S, 3650 * DAY_S)
NOW = 40 * DAY_S


@pytest.fixture(scope="session")
def engine_folder(tmp_path_factory):
    return str(tmp_path_factory.mktemp("chdb"))


@pytest.fixture
def address(engine_folder, lacking):
    """An empty database in this process."""
    if importlib.util.find_spec("chdb") is None:
        if sys.version_info >= (3, 14):
            pytest.skip("chDB has no wheel for this Python")
        lacking("chdb")
    return f"chdb://{engine_folder}/c{os.urandom(6).hex()}"


@pytest.mark.parametrize("elsewhere", [False, True])
def test_sqlite_is_copied_into_it_and_goes_on_there(address, elsewhere, tmp_path, report, answers):
    file, now = str(tmp_path / "k.sqlite"), [0.0]
    source = SqlStore(sqlite_engine(file), KEPT, clock=lambda: now[0])
    rng = random.Random(4)
    ends = [rng.uniform(1, NOW) for _ in range(60)]
    ends = [*sorted(ends), NOW - 10, NOW - 20, NOW - DAY_S, NOW - 2 * DAY_S + 7]
    for number, end in enumerate(ends):
        now[0] = end
        stacks = [("a;b", number + 1), (f"a;c{number % 7}", 1), ("a", 2)]
        source.add("g", report(stacks, end, instance=f"i{number % 3}"), str(number), "test")
        source.roll_up("g")
        source.expire("g")  # so that of the older ones there are hours or days only
    odd = ProfileBuilder((ValueType("space", "bytes"),))
    odd.add_stack([Frame("o")], (5,))
    source.add("g", odd.build(Header(start_ns=1, end_ns=int((NOW - 30) * 1e9))), "odd", "test")
    source.change_document("g", "tags", lambda _: {"a": "b"})
    where = str(tmp_path / "beside.sqlite") if elsewhere else file
    target = ClickHouseStore(Connection(address), open_sql(where), FOREVER, clock=lambda: 0.0)
    if elsewhere:
        maintenance.copy_beside(source.engine, target.engine)
    assert copying.copy_samples(source, target) > 30
    spans = [
        Span("g", 0, 50 * DAY_S),
        Span("g", 0, 38 * DAY_S),
        Span("g", NOW - DAY_S, NOW),
        Span("g", 39.5 * DAY_S, NOW - 15),
    ]
    for span in spans:
        assert answers(target, span)[0] == answers(source, span)[0]
    assert answers(target)[1:2] == answers(source)[1:2]
    assert target.document("g", "tags") == {"a": "b"}
    assert target.check() == []
    assert not target.add("g", report([("a", 1)], NOW - 10), "60", "test"), "tokens came along"
    assert target.add("g", report([("a;new", 1)], NOW), "new", "test")
    assert target.watermark("g") == source.watermark("g") + 1
    with pytest.raises(StoreError, match="must be empty"):
        copying.copy_samples(source, target)
    target.close()
    source.close()


def test_what_is_kept_how_long_follows_the_settings(address, tmp_path):
    file = str(tmp_path / "k.sqlite")
    for retention in (KEPT, Retention()):
        store = ClickHouseStore(Connection(address), open_sql(file), retention)
        (made,) = store.connection.rows(
            "SELECT create_table_query AS made, 1.0 AS one FROM system.tables "
            "WHERE database = currentDatabase() AND name = 'sums_3600'",
            ("made",),
        )
        assert f"toIntervalDay({int(retention.hours_s // DAY_S) + 1})" in made[0]
        (made,) = store.connection.rows(
            "SELECT create_table_query AS made, 1.0 AS one FROM system.tables "
            "WHERE database = currentDatabase() AND name = 'sums_300'",
            ("made",),
        )
        assert f"toIntervalDay({int(retention.five_minutes_s // DAY_S) + 1})" in made[0]
        store.close()


def test_address_names_what_is_beside():
    assert beside("clickhouse://h/d?with=postgresql://u@h/n") == ("clickhouse://h/d", "postgresql://u@h/n")
    assert beside("clickhouse://h/d") == ("clickhouse://h/d", "")
    with pytest.raises(StoreError, match="with="):
        open_store("clickhouse://127.0.0.1:1/d")


@pytest.mark.parametrize(
    "wrong", ["clickhouse://127.0.0.1:1", "clickhouse://127.0.0.1:1/no-name", "clickhouse:///a;b"]
)
def test_address_without_a_database_is_refused(wrong, tmp_path):
    with pytest.raises(StoreError, match="expected clickhouse"):
        open_store(wrong, beside=str(tmp_path / "k.sqlite"))


def test_server_that_does_not_answer_is_said(tmp_path):
    with pytest.raises(StoreError, match="ClickHouse cannot be used"):
        open_store("clickhouse://127.0.0.1:1/d", beside=str(tmp_path / "k.sqlite"))
