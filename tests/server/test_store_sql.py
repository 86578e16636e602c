"""The SQL store: what goes in comes out, once, and damage is said to be damage."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kibitz_agent.profile import Frame, Header, ProfileBuilder, ValueType
from kibitz_server.store import Span, StoredFinding, StoreError
from kibitz_server.store.sql import open_sqlite

ALL = Span("g", 0, 1e12)

LABELS = st.dictionaries(
    st.sampled_from(["thread", "state", "user"]), st.sampled_from(["a", "b", "c"]), max_size=2
)
FRAMES = st.lists(
    st.sampled_from([Frame(f"m:f{i}", f"m{i % 2}.py", i) for i in range(6)]), min_size=1, max_size=6
)
SAMPLES = st.lists(st.tuples(FRAMES, st.integers(0, 2**40), LABELS), max_size=25)


def profile_of(samples):
    builder = ProfileBuilder()
    for frames, value, labels in samples:
        builder.add_stack(frames, (1, value, value // 2), labels)
    return builder.build(Header(instance="i", start_ns=90 * 10**9, end_ns=100 * 10**9))


def stacks_in(store, group="g"):
    """Each (frame names, labels) with its values added up, as the store gives them back."""
    samples, dictionary = store.samples(Span(group, 0, 1e12)), store.dictionary(group)
    found = Counter()
    for node, labels, values in zip(samples.node, samples.labels, samples.values.tolist(), strict=True):
        names = []
        while node >= 0:
            names.append(dictionary.frames[dictionary.frame[node]])
            node = dictionary.parent[node]
        kept = [pair for pair in dictionary.label_sets[labels] if pair[0] != "instance"]  # the store's own
        key = (tuple(names[::-1]), tuple(kept))
        for index, value in enumerate(values):
            found[key, index] += value
    return +found


def stacks_of(*profiles):
    found = Counter()
    for profile in profiles:
        for frames, labels, values in profile.stacks():
            for index, value in enumerate(values):
                found[(frames, labels), index] += value
    return +found


@given(st.lists(SAMPLES, max_size=4))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_goes_in_comes_out(tmp_path_factory, batches):
    store = open_sqlite(str(tmp_path_factory.mktemp("store") / "k.sqlite"))
    try:
        profiles = [profile_of(samples) for samples in batches]
        for number, profile in enumerate(profiles):
            assert store.add("g", profile, f"token-{number}", "test")
        assert stacks_in(store) == stacks_of(*profiles)
        assert store.check() == []
    finally:
        store.close()


def test_known_token_changes_nothing(store, make):
    assert store.add("g", make({"a;b": 2}), "t", "test")
    before = store.watermark("g")
    assert not store.add("g", make({"a;c": 5}), "t", "test")
    assert store.watermark("g") == before
    assert stacks_in(store) == stacks_of(make({"a;b": 2}))
    assert store.add("other", make({"a": 1}), "t", "test"), "a token is known within its group"


def test_store_opened_again_holds_the_same(tmp_path, make):
    path = str(tmp_path / "k.sqlite")
    for token in ("one", "two"):
        store = open_sqlite(path)
        store.add("g", make({"a;b": 1, f"a;{token}": 1}), token, "test")
        store.close()
    store = open_sqlite(path)
    assert stacks_in(store) == stacks_of(make({"a;b": 1, "a;one": 1}), make({"a;b": 1, "a;two": 1}))
    store.close()


def test_two_stores_on_one_file_share_a_dictionary(tmp_path, make):
    path = str(tmp_path / "k.sqlite")
    first, second = open_sqlite(path), open_sqlite(path)
    first.add("g", make({"a;b": 1}), "1", "test")
    second.add("g", make({"a;c": 1, "a;b": 1}), "2", "test")
    first.add("g", make({"d": 1, "a;c": 2}), "3", "test")
    assert stacks_in(first) == stacks_in(second)
    assert first.check() == []
    first.close()
    second.close()


def test_ids_that_were_given_too_early_are_given_again(tmp_path, make, monkeypatch):
    path = str(tmp_path / "k.sqlite")
    first, second = open_sqlite(path), open_sqlite(path)
    profiles = [make({"a;b": 1}), make({"e;f;g": 1, "a;h": 1}), make({"a;c": 1, "d": 1}), make({"e;f;g": 2})]
    first.add("g", profiles[0], "1", "test")
    commit = first._writer._commit

    def overtaken(reports):
        """What another collector writes between a report's coming and its being written."""
        second.add("g", profiles[2], "3", "test")
        return commit(reports)

    with monkeypatch.context() as patched:
        patched.setattr(first._writer, "_commit", overtaken)
        first.add("g", profiles[1], "2", "test")
    first.add("g", profiles[3], "4", "test")
    assert stacks_in(first) == stacks_in(second) == stacks_of(*profiles)
    assert first.check() == []
    first.close()
    second.close()


def test_group_that_another_collector_made_anew_is_read_anew(tmp_path, make):
    path = str(tmp_path / "k.sqlite")
    first, second = open_sqlite(path), open_sqlite(path)
    first.add("g", make({"a;b": 1}), "1", "test")
    second.delete_group("g")
    second.add("g", make({"c;d": 1}), "1", "test")
    first.add("g", make({"a;b": 1}), "2", "test")
    assert stacks_in(first) == stacks_in(second) == stacks_of(make({"c;d": 1}), make({"a;b": 1}))
    assert first.check() == []
    first.close()
    second.close()


def test_failed_transaction_does_no_harm_to_the_next(store, make, monkeypatch):
    store.add("g", make({"a": 1}), "1", "test")

    def fail(*args):
        raise RuntimeError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr("kibitz_server.store.dictionaries.persist", fail)
        with pytest.raises(RuntimeError):
            store.add("g", make({"x;y": 1}), "2", "test")
    assert stacks_in(store) == stacks_of(make({"a": 1}))
    store.add("g", make({"b;c": 1}), "3", "test")
    assert stacks_in(store) == stacks_of(make({"a": 1}), make({"b;c": 1}))
    assert store.check() == []


def test_only_profiles_of_the_span_are_given(store, make):
    for second in (10, 20, 30):
        store.add("g", make({f"at:{second}": 1}, end_ns=second * 10**9), str(second), "test")
    samples = store.samples(Span("g", 20, 30))
    assert [part.end for part in samples.parts] == [20.0]


def test_profiles_of_different_value_types_stand_side_by_side(store, make):
    builder = ProfileBuilder((ValueType("alloc", "bytes"),))
    builder.add_stack([Frame("a")], (512,))
    store.add("g", make({"a": 1}), "1", "test")
    store.add("g", builder.build(Header(end_ns=100 * 10**9)), "2", "pprof")
    samples = store.samples(ALL)
    names = [kind.name for kind in samples.value_types]
    assert names == ["samples", "wall", "cpu", "alloc"]
    assert sorted(samples.values.tolist()) == [[0, 0, 0, 512], [1, 10, 5, 0]]


def test_empty_profile_and_unknown_group_are_empty(store):
    assert store.add("g", profile_of([]), "1", "test")
    assert len(store.samples(ALL).node) == 0
    assert len(store.samples(Span("nobody", 0, 1e12)).node) == 0
    assert len(store.dictionary("nobody").parent) == 0


def test_groups_say_what_arrived(store, make):
    assert store.create_group("empty", 5.0)
    assert not store.create_group("empty", 6.0)
    store.add("g", make({"a": 1}, instance="x"), "1", "test")
    store.add("g", make({"a": 1}, instance="y", end_ns=200 * 10**9), "2", "test")
    busy, empty = store.groups()
    assert (busy.name, busy.profiles, busy.instances, busy.last_seen) == ("g", 2, 2, 200.0)
    assert (empty.name, empty.profiles, empty.last_seen) == ("empty", 0, 0.0)


def test_deleted_group_is_gone_and_may_come_back(store, make):
    store.add("g", make({"a": 1}), "1", "test")
    store.save_findings("g", [StoredFinding("f", "g", "anomaly", "a", 1, 2, "because")])
    assert store.delete_group("g")
    assert not store.delete_group("g")
    assert store.groups() == []
    assert store.findings() == []
    store.add("g", make({"b": 1}), "1", "test")
    assert stacks_in(store) == stacks_of(make({"b": 1}))


def test_finding_of_equal_id_is_replaced(store):
    store.save_findings("g", [StoredFinding("f", "g", "anomaly", "a", 1, 2, "first", {"x": 1})])
    store.save_findings("g", [StoredFinding("f", "g", "anomaly", "a", 1, 9, "second", {"x": 2})])
    assert store.findings("g") == [StoredFinding("f", "g", "anomaly", "a", 1, 9, "second", {"x": 2})]


def test_damaged_samples_are_found_by_check_and_named_when_read(store, make, tmp_path):
    store.add("g", make({"a": 1}), "1", "test")
    with sqlite3.connect(tmp_path / "kibitz.sqlite") as connection:
        connection.execute("UPDATE profiles SET samples = x'0103'")
    connection.close()
    assert any("damaged" in problem for problem in store.check())
    with pytest.raises(StoreError, match="damaged"):
        store.samples(ALL)


def test_newer_schema_is_refused(tmp_path):
    open_sqlite(str(tmp_path / "k.sqlite")).close()
    with sqlite3.connect(tmp_path / "k.sqlite") as connection:
        connection.execute("UPDATE meta SET value = '99'")
    connection.close()
    with pytest.raises(StoreError, match="schema version 99"):
        open_sqlite(str(tmp_path / "k.sqlite"))


def test_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "k.sqlite").write_bytes(b"plain text" * 1000)
    with pytest.raises(StoreError, match="cannot be used"):
        open_sqlite(str(tmp_path / "k.sqlite"))


def test_full_disk_is_said_and_what_was_kept_stays(tmp_path, make):
    """RLIMIT_FSIZE stands for the full disk: SQLite meets the same failed write."""
    program = """
import resource, signal, sys
sys.path[:0] = sys.argv[2].split(":")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from kibitz_agent.profile import Frame, Header, ProfileBuilder
from kibitz_server.store import StoreError
from kibitz_server.store.sql import open_sqlite
store = open_sqlite(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
kept = 0
try:
    for number in range(1000):
        builder = ProfileBuilder()
        for i in range(200):
            builder.add_stack([Frame(f"m:f{number}_{i}")], (1, 1, 1))
        store.add("g", builder.build(Header(end_ns=10**9)), str(number), "test")
        kept += 1
except StoreError as error:
    assert "disk full" in str(error), error
    print(kept)
"""
    path = tmp_path / "k.sqlite"
    done = subprocess.run(
        [sys.executable, "-c", program, str(path), os.pathsep.join(sys.path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    kept = int(done.stdout)
    assert 0 < kept < 1000
    store = open_sqlite(str(path))
    assert store.group("g").profiles == kept
    assert store.check() == []
    assert np.sum(store.samples(Span("g", 0, 2)).values[:, 0]) == 200 * kept
    store.close()
