"""PostgreSQL by itself: two collectors share one database, SQLite is copied into it. Its answers: test_stores.py."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from kibitz_server.store import StoreError, maintenance
from kibitz_server.store.opening import open_store, store_engine
from kibitz_server.store.sql import open_sqlite


def test_two_collectors_on_one_database_lose_and_repeat_nothing(database, report, answers):
    stores = [open_store(database), open_store(database)]

    def post(number):
        # Every token is sent to both, as by an agent that retries at another collector.
        stacks = [(f"a;f{number % 40}", 1), (f"a;b;g{number}", 1)]
        return [store.add("g", report(stacks, 1000 + number), str(number), "test") for store in stores]

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(post, range(80)))
    assert all(result.count(True) == 1 for result in results)
    assert answers(stores[0]) == answers(stores[1])
    functions = {name: own for name, own, _ in answers(stores[0])[0]}
    assert sum(functions.values()) == 160
    assert stores[0].check() == []
    for store in stores:
        store.close()


def test_sqlite_is_copied_into_it_and_goes_on_there(database, tmp_path, report, answers):
    source = open_sqlite(str(tmp_path / "k.sqlite"))
    for number in range(5):
        source.add(
            "g", report([("a;b", number + 1), (f"a;c{number}", 1)], 400 * (number + 1)), str(number), "test"
        )
    source.roll_up("g")
    engine = store_engine(database)
    assert maintenance.copy(source.engine, engine) > 5
    with pytest.raises(StoreError, match="must be empty"):
        maintenance.copy(source.engine, engine)
    engine.dispose()
    target = open_store(database)
    assert answers(target) == answers(source)
    assert not target.add("g", report([("a", 1)], 100), "0", "test"), "tokens came along"
    assert target.add("g", report([("a", 1)], 100), "new", "test")
    assert target.create_group("another", 1.0)
    assert target.check() == []
    target.close()
    source.close()


def test_address_that_does_not_answer_is_said():
    with pytest.raises(StoreError, match="cannot be used"):
        open_store("postgresql://kibitz@127.0.0.1:1/none")
    with pytest.raises(StoreError, match="expected postgresql"):
        open_store("mysql://h/d")
