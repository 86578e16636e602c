"""Parts of a group's samples: by label, and one branch per label's value."""

from __future__ import annotations

import time

import pytest

from kibitz_agent.profile import Frame, Header, ProfileBuilder
from kibitz_server import flamegraph, slices
from kibitz_server.query import QueryError, frame_series, merged_tree
from kibitz_server.store import Span
from kibitz_server.store.sql import open_sqlite

SPAN = Span("shop", 0.0, 100.0)
LABELLED = [("main", "running", 5), ("main", "waiting", 3), ("worker", "running", 7)]


@pytest.fixture
def store(tmp_path):
    builder = ProfileBuilder()
    for thread, state, count in LABELLED:
        stack = [Frame("m:main"), Frame(f"m:{state}")]
        builder.add_stack(stack, (count, count * 10, count * 10), {"thread": thread, "state": state})
    builder.add_stack([Frame("m:main")], (2, 20, 20))
    store = open_sqlite(str(tmp_path / "store.sqlite"))
    store.add("shop", builder.build(Header(group="shop", start_ns=0, end_ns=50 * 10**9)), "t", "test")
    yield store
    store.close()


def branches(payload):
    """Samples below each branch."""
    names = [payload["strings"][index] for index in payload["frames"]["name"]]
    parent, frame = payload["nodes"]["parent"], payload["nodes"]["frame"]
    own = next(value["self"] for value in payload["values"] if value["name"] == "samples")
    sums = list(own)
    for node in range(len(parent) - 1, 0, -1):
        sums[parent[node]] += sums[node]
    return {names[frame[node]]: sums[node] for node in range(1, len(parent)) if parent[node] == 0}


def test_labels_are_listed_with_the_most_frequent_first(store):
    listed = slices.label_values(store, SPAN)
    assert set(listed) == {"thread", "state"}
    assert set(listed["thread"]) == {"main", "worker"}


@pytest.mark.parametrize(
    ("wanted", "samples"),
    [
        (["thread:main"], 8),
        (["thread:main", "thread:worker"], 15),
        (["thread:main", "state:running"], 5),
        (["thread:(none)"], 2),
        (["thread:nobody"], 0),
        ([], 17),
    ],
)
def test_filter_keeps_any_value_of_a_key_and_all_keys(store, wanted, samples):
    tree = merged_tree(store, SPAN, slices.label_filter(wanted))
    assert tree.self_values[:, tree.column("samples")].sum() == samples


def test_filter_without_a_colon_is_refused():
    with pytest.raises(QueryError, match="expected a key and a value"):
        slices.label_filter(["main"])


def test_branches_hold_every_sample_once(store):
    tree = slices.branched_tree(store, SPAN, "thread")
    payload = flamegraph.payload(tree, SPAN, "samples")
    assert branches(payload) == {"thread: main": 8, "thread: worker": 7, "thread: (none)": 2}


def test_branches_of_filtered_samples_hold_only_those(store):
    tree = slices.branched_tree(store, SPAN, "state", slices.label_filter(["thread:main"]))
    payload = flamegraph.payload(tree, SPAN, "samples")
    assert branches(payload) == {"state: running": 5, "state: waiting": 3}


def test_rare_values_share_one_branch(tmp_path):
    builder = ProfileBuilder()
    for number in range(60):
        builder.add_stack([Frame("m:main")], (100 - number, 1, 1), {"task": f"t{number}"})
    store = open_sqlite(str(tmp_path / "many.sqlite"))
    store.add("shop", builder.build(Header(group="shop", start_ns=0, end_ns=50 * 10**9)), "t", "test")
    tree = slices.branched_tree(store, SPAN, "task")
    found = branches(flamegraph.payload(tree, SPAN, "samples"))
    assert len(found) <= slices.MOST_BRANCHES
    assert sum(found.values()) == sum(100 - number for number in range(60))
    assert "task: (others)" in found
    store.close()


ORIGINS = Span("origins", 0.0, 1000.0)


@pytest.fixture
def told(store, make):
    for number, (instance, revision, count) in enumerate(
        [("i-1", "aaa", 3), ("i-2", "aaa", 4), ("i-2", "bbb", 5), ("", "", 7)]
    ):
        profile = make({"m:main;m:work": count}, instance=instance, revision=revision)
        store.add("origins", profile, f"t{number}", "test")
    return store


def total(tree):
    return int(tree.self_values[:, tree.column("samples")].sum())


@pytest.mark.parametrize(
    ("wanted", "samples"),
    [
        (["revision:aaa"], 7),
        (["instance:i-2"], 9),
        (["instance:i-2", "revision:bbb"], 5),
        (["revision:aaa", "revision:bbb"], 12),
        (["revision:(none)"], 7),
        (["revision:ccc"], 0),
    ],
)
def test_samples_are_filtered_by_what_is_known_of_their_report(told, wanted, samples):
    assert total(merged_tree(told, ORIGINS, slices.label_filter(wanted))) == samples


def test_branches_by_revision_hold_every_sample_once(told):
    tree = slices.branched_tree(told, ORIGINS, "revision")
    assert total(tree) == 19
    values = slices.label_values(told, ORIGINS)
    assert {key: sorted(found) for key, found in values.items()} == {
        "instance": ["i-1", "i-2"],
        "revision": ["aaa", "bbb"],
    }


def test_series_are_filtered_too(told):
    series = frame_series(told, ORIGINS, 100.0, slices.label_filter(["revision:bbb"]))
    assert series.samples.sum() == 5
    assert frozenset({"aaa", "bbb"}) in series.revisions


def test_empty_span_has_no_facts(told):
    nothing = Span("origins", 5000.0, 6000.0)
    assert slices.label_values(told, nothing) == {}
    assert total(merged_tree(told, nothing)) == 0


def test_series_tell_deploys_and_the_graph_is_grouped_by_revision(client, store, make):
    now = time.time()
    for back, revision in ((3000, "aaa"), (2000, "aaa"), (1000, "bbb"), (500, "bbb")):
        profile = make({"m:main": 5}, end_ns=int((now - back) * 1e9), revision=revision)
        store.add("shop", profile, str(back), "test")
    deploys = client.get("/api/groups/shop/series?from=-1h").json["deploys"]
    assert [(mark["revision"], mark["before"]) for mark in deploys] == [("bbb", "aaa")]
    assert deploys[0]["at"] == pytest.approx(now - 1000, abs=120)
    payload = client.get("/api/groups/shop/flamegraph?groupBy=revision&value=samples").json
    assert {"revision: aaa", "revision: bbb"} <= set(payload["strings"])
    assert payload["revision"] == "bbb"
