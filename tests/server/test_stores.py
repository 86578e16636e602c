"""What every store must do, each held to it: SQLite, PostgreSQL, and ClickHouse (chDB, and a server if one is named)."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kibitz_agent.profile import Frame, Header, ProfileBuilder, ValueType
from kibitz_server import query
from kibitz_server.retention import Retention
from kibitz_server.store import Report, Span, Store, StoredFinding
from kibitz_server.store.clickhouse.connection import Connection
from kibitz_server.store.clickhouse.store import ClickHouseStore
from kibitz_server.store.nodes import MOST_DEPTH
from kibitz_server.store.opening import open_store
from kibitz_server.store.sql import open_sqlite

KINDS = ("sqlite", "postgresql", "chdb", "clickhouse")
SERVER = os.environ.get("KIBITZ_TEST_CLICKHOUSE", "")
FOREVER = Retention(
    *[60 * 365 * 86_400.0] * 4
)  # ClickHouse goes by its own clock, and these reports are of 1970
ALL = Span("g", 0, 10_000_000)
REPORTS = st.lists(
    st.tuples(
        st.integers(1, 9_000_000),
        st.lists(st.tuples(st.sampled_from(["a", "a;b", "a;ü", "d;b;c"]), st.integers(1, 2**40)), max_size=4),
        st.sampled_from(["i", "j"]),
    ),
    max_size=8,
)

Open = Callable[[], Store]


@pytest.fixture(scope="session")
def engine_folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """chDB has one place a process; each store gets a database in it."""
    return str(tmp_path_factory.mktemp("chdb"))


@pytest.fixture(params=KINDS)
def fresh(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    lacking: Callable[[str], None],
    engine_folder: str,
) -> Iterator[Callable[[], Open]]:
    """``fresh()``: an empty store's way in; each time that is called the store is opened once more."""
    kind = request.param
    opened: list[Store] = []
    if kind == "chdb" and importlib.util.find_spec("chdb") is None:
        if sys.version_info >= (3, 14):
            pytest.skip("chDB has no wheel for this Python")
        lacking("chdb")
    if kind == "clickhouse" and not SERVER:
        pytest.skip("KIBITZ_TEST_CLICKHOUSE names no server")
    make_database = request.getfixturevalue("new_database") if kind == "postgresql" else None

    def empty() -> Open:
        file = str(tmp_path_factory.mktemp("store") / "k.sqlite")
        name = f"t{os.urandom(6).hex()}"
        address = make_database() if make_database else f"{SERVER or f'chdb://{engine_folder}'}/{name}"

        def again() -> Store:
            if kind == "sqlite":
                store: Store = open_sqlite(file)
            elif kind == "postgresql":
                store = open_store(address)
            else:
                store = ClickHouseStore(Connection(address), open_sqlite(file), FOREVER)
            opened.append(store)
            return store

        return again

    yield empty
    for store in opened:
        store.close()


@pytest.fixture
def store(fresh: Callable[[], Open]) -> Store:
    return fresh()()


def rolled(store):
    for group in store.groups():
        while store.roll_up(group.name):
            pass


@given(REPORTS, st.integers(0, 9_000_000), st.integers(1, 9_000_000))
@settings(
    max_examples=6,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),  # shrinking would take as many databases again
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_it_answers_like_sqlite(fresh, report, answers, tmp_path_factory, reports, low, length):
    one, other = fresh()(), open_sqlite(str(tmp_path_factory.mktemp("store") / "k.sqlite"))
    try:
        for number, (ended, stacks, instance) in enumerate(reports):
            made = report(stacks, ended, instance=instance)
            for is_new in (True, False):
                assert one.add("g", made, str(number), "test") == is_new
                assert other.add("g", made, str(number), "test") == is_new
        spans = [
            ALL,
            Span("g", low, low + length),
            Span("g", low // 300 * 300, (low + length) // 300 * 300 + 300),
        ]
        for _ in range(2):
            for span in spans:
                assert answers(one, span) == answers(other, span)
            rolled(one)
            rolled(other)
        assert one.check() == other.check() == []
    finally:
        other.close()


def test_groups_documents_and_findings_are_kept(fresh, report):
    again = fresh()
    store = again()
    assert store.create_group("g", 5.0)
    assert not store.create_group("g", 6.0)
    store.change_document("g", "tags", lambda document: {**document, "a": "b"})
    assert store.document("g", "tags") == {"a": "b"}
    assert store.document("none", "tags") == {}
    assert store.change_document("none", "tags", lambda document: document) is None
    finding = StoredFinding("f", "g", "anomaly", "a", 1, 2, "because", {"x": 1})
    store.save_findings("g", [finding])
    assert store.findings("g") == store.findings() == [finding]
    store.add("g", report([("a", 1)], 100), "1", "test")
    opened = again()
    assert opened.group("g").profiles == 1
    assert (opened.group("g").created, opened.group("g").last_seen) == (5.0, 100.0)
    assert opened.delete_group("g")
    assert not opened.delete_group("g")
    assert opened.groups() == []


def test_token_counts_once_in_its_group(store, report, answers):
    reports = [Report("g", report([("a;b", 1)], 100), token, "test") for token in ("1", "2", "1")]
    assert store.add_all(reports) == [True, True, False]
    assert store.add_all(reports) == [False, False, False]
    assert not store.add("g", report([("a;b", 1)], 100), "2", "test")
    assert store.add("other", report([("a;b", 1)], 100), "2", "test")
    assert store.watermark("g") == 2
    assert answers(store)[0] == [("a", 0, 2), ("b", 2, 2)]


def test_group_that_is_made_again_begins_anew(fresh, report, answers):
    again = fresh()
    store, other = again(), again()
    for number in range(3):
        store.add("g", report([("a;b", 1)], 100), "1", "test")
        assert answers(other)[0] == [("a", 0, 1), ("b", 1, 1)], number
        assert other.delete_group("g")
        assert store.group("g") is None
        assert len(store.samples(ALL).node) == 0
        assert store.watermark("g") == 0


def test_stack_that_is_too_deep_is_refused_and_the_others_are_kept(store, report):
    deep, node = ProfileBuilder(), -1
    frame = deep.frame("a", "a.py", 1)
    for _ in range(MOST_DEPTH + 1):
        node = deep.node(node, frame, 1)
    deep.add(node, (1, 1, 1))
    too_deep = deep.build(Header(start_ns=1, end_ns=10**11))
    reports = [
        Report("g", profile, str(n), "test") for n, profile in enumerate([report([("a", 1)], 100), too_deep])
    ]
    kept, refused = store.add_all(reports)
    assert kept is True
    assert "frames" in str(refused)
    assert store.watermark("g") == 1


def test_labels_lines_and_value_types_come_back(fresh, report):
    again = fresh()
    store = again()
    bytes_only = ProfileBuilder((ValueType("space", "bytes"),))
    bytes_only.add_stack(
        [Frame("m:a", "a.py", 3), Frame("m:b", "b.py", 9)], (77,), {"thread": "T", "state": "running"}
    )
    store.add("g", bytes_only.build(Header(instance="x", revision="r1", end_ns=50 * 10**9)), "1", "test")
    store.add("g", report([("m:a", 5)], 100), "2", "test")
    for opened in (store, again()):
        found, dictionary = opened.samples(ALL), opened.dictionary("g")
        assert [kind.name for kind in found.value_types] in (
            ["space", "samples", "wall", "cpu"],
            ["samples", "wall", "cpu", "space"],
        )
        rows = set()
        for node, labels, values in zip(
            found.node.tolist(), found.labels.tolist(), found.values.tolist(), strict=True
        ):
            path = []
            while node >= 0:
                frame = dictionary.frames[dictionary.frame[node]]
                path.append((frame.name, frame.file, frame.line))
                node = int(dictionary.parent[node])
            named = dict(zip((kind.name for kind in found.value_types), values, strict=True))
            rows.add((tuple(reversed(path)), dictionary.label_sets[labels], tuple(sorted(named.items()))))
        ours = ("instance", "x"), ("revision", "r1"), ("state", "running"), ("thread", "T")
        assert (
            (("m:a", "a.py", 3), ("m:b", "b.py", 9)),
            ours,
            (("cpu", 0), ("samples", 0), ("space", 77), ("wall", 0)),
        ) in rows
        assert len(rows) == 2
        assert (dictionary.parent < np.arange(len(dictionary.parent))).all()


def test_parts_say_what_is_known_of_reports(store, report):
    first = report([("a", 1)], 100, instance="one", revision="r1", interval_ns=10_000_000, limits=("memory",))
    second = report([("a", 1)], 200, instance="two", revision="r2", interval_ns=10_000_000)
    store.add("g", first, "1", "test")
    store.add("g", second, "2", "test")
    for _ in range(2):
        parts = store.samples(Span("g", 0, 300)).parts
        assert sum(part.profiles for part in parts) == 2
        assert frozenset().union(*(part.instances for part in parts)) == {"one", "two"}
        assert frozenset().union(*(part.revisions for part in parts)) == {"r1", "r2"}
        assert frozenset().union(*(part.limits for part in parts)) == {"memory"}
        assert (min(part.start for part in parts), max(part.end for part in parts)) == (99.0, 200.0)
        assert {part.interval_ns for part in parts} == {10_000_000}
        rolled(store)
    single = store.samples(Span("g", 0, 150)).parts
    assert [(part.profiles, set(part.instances)) for part in single] == [(1, {"one"})]


def test_buckets_no_longer_than_asked_for(store, report):
    for number in range(30):
        store.add("g", report([("a", 1)], 301 + 400 * number), str(number), "test")
    rolled(store)
    for step in (300.0, 3600.0, 86_400.0):
        found = store.samples(Span("g", 0, 86_400), coarsest_s=step)
        assert sum(part.profiles for part in found.parts) == 30
        assert all(part.start // step == (part.end - 1) // step or part.profiles == 1 for part in found.parts)
        assert found.values[:, 0].sum() == 30


def test_stores_of_one_database_see_what_the_others_add(fresh, report, answers):
    again = fresh()
    stores = [again(), again()]
    for number in range(12):
        stacks = [(f"a;f{number}", 1), ("a;b", 1), (f"a;f{number - 1};g", 2)]
        assert stores[number % 2].add("g", report(stacks, 100 + number), str(number), "test")
        assert not stores[1 - number % 2].add("g", report(stacks, 100 + number), str(number), "test")
        assert answers(stores[0]) == answers(stores[1])
    rolled(stores[0])
    assert answers(stores[0]) == answers(stores[1])
    assert stores[0].check() == []


def test_value_beyond_the_guard_is_folded(store, report):
    for number in range(3):
        long = report([("a", 1)], 100 + number, instance=f"{number}" * 2000)
        store.add("g", replace(long), str(number), "test")
    found = store.dictionary("g").label_sets
    assert {dict(labels).get("instance") for labels in found} == {"__other__"}
    assert query.merged_tree(store, ALL).self_values[:, 0].sum() == 3


def test_headers_are_told_by_group_and_time_and_what_ran_by_file(fresh, report):
    again = fresh()
    store = again()
    told = {"process_cpu_ns": 7, "agent_version": "1.2", "host": {"cpus": 4}, "blobs": {"a.py": "0" * 40}}
    for number in range(8):
        made = report([("a", 1)], 100 + number, **told, instance=f"i{number}")
        store.add("g" if number % 2 else "other", made, str(number), "test")
        store.add("g" if number % 2 else "other", made, str(number), "test")
    for opened in (store, again()):
        found = opened.headers(["g", "none"], 100, 105, 99)
        assert [(group, header.instance) for group, header in found] == [("g", "i1"), ("g", "i3")]
        header = found[0][1]
        assert (header.process_cpu_ns, header.agent_version, header.host) == (7, "1.2", {"cpus": 4})
        assert header.blobs == {}
        assert opened.report_counts(["g", "other", "none"], 100, 105) == {"g": 2, "other": 3}
        assert opened.headers([], 0, 999, 9) == []
        assert opened.report_counts([], 0, 999) == {}
        assert opened.blobs(Span("g", 100, 105), 9) == {"a.py": {"0" * 40}}
        assert opened.blobs(Span("none", 0, 999), 9) == {}


def test_many_headers_are_an_even_choice(store, report):
    for number in range(60):
        store.add("g", report([("a", 1)], 100 + number), str(number), "test")
    found = store.headers(["g"], 0, 999, 20)
    assert 5 <= len(found) <= 40
    assert found == sorted(found, key=lambda one: one[1].end_ns)


def test_report_that_was_seen_before_brings_no_names(fresh, report):
    again = fresh()
    store = again()
    assert store.add("g", report([("a", 1)], 1000, instance="i"), "t", "test")
    assert not store.add("g", report([("a", 1), ("z", 1)], 1000, instance="stranger"), "t", "test")
    outcomes = store.add_all(
        [
            Report("g", report([("a", 1)], 1100, instance="other"), "u", "test"),
            Report("g", report([("a", 1)], 1100, instance="twin"), "u", "test"),
            Report("g", report([("a", 1)], 1100, instance="late"), "t", "test"),
        ]
    )
    assert outcomes == [True, False, False]
    assert store.add("g", report([("b", 1)], 1200, instance="i"), "v", "test")
    for one in (store, again()):
        group = one.group("g")
        assert group is not None
        assert (group.profiles, group.instances) == (3, 2)
        named = {dict(labels).get("instance") for labels in one.dictionary("g").label_sets}
        assert named == {"i", "other"}
        assert one.check() == []
