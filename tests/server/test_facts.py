"""Instances and revisions as labels: every sample keeps its own, and none is counted twice."""

from __future__ import annotations

import time

import pytest

from kibitz_server import facts, query, slices
from kibitz_server.store import Span

SPAN = Span("shop", 0.0, 1000.0)


@pytest.fixture
def told(store, make):
    for number, (instance, revision, count) in enumerate(
        [("i-1", "aaa", 3), ("i-2", "aaa", 4), ("i-2", "bbb", 5), ("", "", 7)]
    ):
        profile = make({"m:main;m:work": count}, instance=instance, revision=revision)
        store.add("shop", profile, f"t{number}", "test")
    return facts.Described(store)


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
    assert total(query.merged_tree(told, SPAN, slices.label_filter(wanted))) == samples


def test_branches_by_revision_hold_every_sample_once(told):
    tree = slices.branched_tree(told, SPAN, "revision")
    assert total(tree) == 19
    values = slices.label_values(told, SPAN)
    assert {key: sorted(found) for key, found in values.items()} == {
        "instance": ["i-1", "i-2"],
        "revision": ["aaa", "bbb"],
    }


def test_series_are_filtered_too(told):
    series = query.frame_series(told, SPAN, 100.0, slices.label_filter(["revision:bbb"]))
    assert series.samples.sum() == 5
    assert frozenset({"aaa", "bbb"}) in series.revisions


def test_empty_span_has_no_facts(told):
    nothing = Span("shop", 5000.0, 6000.0)
    assert slices.label_values(told, nothing) == {}
    assert total(query.merged_tree(told, nothing)) == 0


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
