"""Parts of a group's samples: by label, and one branch per label's value."""

from __future__ import annotations

import pytest

from kibitz_agent.profile import Frame, Header, ProfileBuilder
from kibitz_server import flamegraph, slices
from kibitz_server.query import QueryError
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
    from kibitz_server.query import merged_tree

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
