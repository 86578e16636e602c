"""PostgreSQL answers like SQLite: the same reports, the same answers; two collectors share one database."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from kibitz_agent.profile import Frame, Header, ProfileBuilder
from kibitz_server import query
from kibitz_server.store import Span, StoredFinding, StoreError, maintenance
from kibitz_server.store.opening import open_store, store_engine
from kibitz_server.store.sql import open_sqlite

IN_CI = os.environ.get("CI", "").lower() == "true"
ALL = Span("g", 0, 10_000_000)
REPORTS = st.lists(
    st.tuples(
        st.integers(1, 9_000_000),
        st.lists(st.tuples(st.sampled_from(["a", "a;b", "a;ü", "d;b;c"]), st.integers(1, 2**40)), max_size=4),
    ),
    max_size=8,
)


def _programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    path = shutil.which("initdb")
    return Path(path).parent if path else None


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A PostgreSQL of our own; it refuses to run as root, so that it runs as nobody there."""
    programs = _programs()
    if programs is None:
        if IN_CI:
            pytest.fail("PostgreSQL is missing, and CI must have it")
        pytest.skip("PostgreSQL is missing")
    folder = Path(tempfile.mkdtemp(prefix="kibitz-pg-"))
    as_user: dict[str, object] = {}
    if os.geteuid() == 0:
        shutil.chown(folder, 65534, 65534)
        as_user = {"user": 65534, "group": 65534, "extra_groups": []}
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "HOME": str(folder)}

    def run(*command: object) -> None:
        subprocess.run(
            [str(part) for part in command],
            check=True,
            capture_output=True,
            timeout=120,
            cwd=folder,
            env=environment,
            **as_user,
        )

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = folder / "data"
    run(programs / "initdb", "-D", data, "-U", "kibitz", "--auth=trust", "-E", "UTF8", "--no-sync")
    options = (
        f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c max_connections=60"
    )
    run(programs / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start")
    yield f"postgresql://kibitz@127.0.0.1:{port}"
    run(programs / "pg_ctl", "-D", data, "-m", "immediate", "stop")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database(server):
    """An empty database's address."""
    name = f"t{os.urandom(4).hex()}"
    engine = sa.create_engine(
        server.replace("postgresql:", "postgresql+psycopg:") + "/postgres", isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    yield f"{server}/{name}"
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    engine.dispose()


def report(stacks, ended):
    builder = ProfileBuilder()
    for text, count in stacks:
        builder.add_stack([Frame(name) for name in text.split(";")], (count, count, 1), {"state": "running"})
    return builder.build(Header(instance="i", start_ns=int((ended - 1) * 1e9), end_ns=int(ended * 1e9)))


def answers(store, span=ALL):
    """What a store says of a span, in a form that can be compared."""
    tree = query.merged_tree(store, span)
    functions = [(f.frame.name, f.self_value, f.total) for f in query.top_functions(tree, "samples", 9999)]
    group = store.group(span.group)
    counts = None if group is None else (group.profiles, group.instances, group.first_seen, group.last_seen)
    return sorted(functions), counts, store.ends(span, 300.0).tolist(), store.watermark(span.group)


@given(REPORTS, st.integers(0, 9_000_000), st.integers(1, 9_000_000))
@settings(max_examples=8, deadline=None)
def test_it_answers_like_sqlite(server, tmp_path_factory, reports, low, length):
    admin = sa.create_engine(
        server.replace("postgresql:", "postgresql+psycopg:") + "/postgres", isolation_level="AUTOCOMMIT"
    )
    name = f"h{os.urandom(4).hex()}"
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    admin.dispose()
    one = open_store(f"{server}/{name}")
    other = open_sqlite(str(tmp_path_factory.mktemp("store") / "k.sqlite"))
    try:
        for number, (ended, stacks) in enumerate(reports):
            results = [
                store.add("g", report(stacks, ended), str(number // 2), "test") for store in (one, other)
            ]
            assert results[0] == results[1]
        span = Span("g", low, low + length)
        assert answers(one) == answers(other)
        assert answers(one, span) == answers(other, span)
        for store in (one, other):
            while store.roll_up("g"):
                pass
        assert answers(one, span) == answers(other, span)
        assert one.check() == other.check() == []
    finally:
        one.close()
        other.close()


def test_groups_documents_and_findings_are_kept(database):
    store = open_store(database)
    assert store.create_group("g", 5.0)
    assert not store.create_group("g", 6.0)
    store.change_document("g", "tags", lambda document: {**document, "a": "b"})
    assert store.document("g", "tags") == {"a": "b"}
    finding = StoredFinding("f", "g", "anomaly", "a", 1, 2, "because", {"x": 1})
    store.save_findings("g", [finding])
    assert store.findings("g") == [finding]
    store.add("g", report([("a", 1)], 100), "1", "test")
    store.close()
    again = open_store(database)
    assert again.group("g").profiles == 1
    assert again.delete_group("g")
    assert again.groups() == []
    again.close()


def test_two_collectors_on_one_database_lose_and_repeat_nothing(database):
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


def test_sqlite_is_copied_into_it_and_goes_on_there(database, tmp_path):
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
