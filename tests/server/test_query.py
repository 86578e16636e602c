"""Merging and asking: sums are right to the last nanosecond, recursion counts once, hours add up."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kibitz_agent.profile import Frame, Header, ProfileBuilder, merge
from kibitz_server import flamegraph, query
from kibitz_server.store import Span
from kibitz_server.store.sql import open_sqlite

ALL = Span("g", 0, 1e12)
STACKS = st.lists(
    st.tuples(
        st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), min_size=1, max_size=8),
        st.integers(1, 2**40),
    ),
    min_size=1,
    max_size=25,
)


def profile_of(stacks, **header):
    """Frames by number, each at a line: the same function may be at several lines of a tree."""
    builder = ProfileBuilder()
    for places, value in stacks:
        node = -1
        for frame, line in places:
            node = builder.node(node, builder.frame(f"m:f{frame}", "m.py", frame), line)
        builder.add(node, (1, value, 0))
    return builder.build(Header(**{"end_ns": 100 * 10**9, **header}))


@pytest.fixture
def filled(tmp_path_factory):
    opened = []

    def fill(*profiles):
        store = open_sqlite(str(tmp_path_factory.mktemp("store") / "k.sqlite"))
        opened.append(store)
        for number, profile in enumerate(profiles):
            store.add("g", profile, str(number), "test")
        return store

    yield fill
    for store in opened:
        store.close()


relaxed = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@given(st.lists(STACKS, min_size=1, max_size=4))
@relaxed
def test_merged_profile_equals_the_agents_own_merge(filled, batches):
    profiles = [profile_of(stacks) for stacks in batches]
    merged = query.merged_profile(filled(*profiles), ALL)
    assert stacks(merged) == stacks(merge(profiles))


@given(STACKS)
@relaxed
def test_totals_and_self_values_are_those_of_counting_by_hand(filled, stacks_given):
    tree = query.merged_tree(filled(profile_of(stacks_given)), ALL)
    own, total = Counter(), Counter()
    for places, value in stacks_given:
        own[f"m:f{places[-1][0]}"] += value
        for name in {f"m:f{frame}" for frame, _ in places}:
            total[name] += value
    found = query.top_functions(tree, "wall", 100)
    assert {f.frame.name: f.self_value for f in found if f.self_value} == dict(own)
    assert {f.frame.name: f.total for f in found} == dict(total)
    assert [f.self_value for f in found] == sorted((f.self_value for f in found), reverse=True)


@given(st.lists(STACKS, min_size=1, max_size=3), st.integers(2, 40))
@relaxed
def test_flame_graph_widths_add_up_at_any_budget(filled, batches, budget):
    profiles = [profile_of(stacks_given) for stacks_given in batches]
    tree = query.merged_tree(filled(*profiles), ALL)
    payload = flamegraph.payload(tree, ALL, "wall", budget)
    parents, names = payload["nodes"]["parent"], payload["frames"]["name"]
    small = sum(payload["strings"][names[frame]].startswith("(") for frame in payload["nodes"]["frame"])
    assert len(parents) - small <= budget
    assert parents[0] == -1
    assert all(0 <= parent < len(parents) for parent in parents[1:])
    for value in payload["values"]:
        expected = sum(profile.total(value["name"]) for profile in profiles)
        assert sum(value["self"]) == expected
    assert all(index < len(payload["strings"]) for index in names)


def test_parent_precedes_its_children_and_the_root_is_all(filled):
    payload = flamegraph.payload(
        query.merged_tree(filled(profile_of([([(1, 1), (2, 5), (2, 6)], 7)])), ALL), ALL, "wall"
    )
    names = [payload["strings"][payload["frames"]["name"][frame]] for frame in payload["nodes"]["frame"]]
    assert names == ["all", "m:f1", "m:f2", "m:f2"]
    assert payload["nodes"]["parent"] == [-1, 0, 1, 2]


def test_lines_of_one_function_are_one_box(filled):
    tree = query.merged_tree(filled(profile_of([([(1, 1), (2, 1)], 5), ([(1, 2), (2, 1)], 7)])), ALL)
    payload = flamegraph.payload(tree, ALL, "wall")
    assert len(payload["nodes"]["parent"]) == 3
    assert payload["values"][1]["self"] == [0, 0, 12]


def test_labels_choose_what_is_merged(filled):
    builder = ProfileBuilder()
    builder.add_stack([Frame("a")], (1, 5, 0), {"state": "running"})
    builder.add_stack([Frame("b")], (1, 7, 0), {"state": "waiting"})
    store = filled(builder.build(Header(end_ns=10**9)))
    tree = query.merged_tree(store, ALL, keep=lambda labels: ("state", "waiting") in labels)
    assert [(f.frame.name, f.self_value) for f in query.top_functions(tree, "wall", 9)] == [("b", 7)]


def test_unknown_value_type_is_told_those_there_are(filled):
    tree = query.merged_tree(filled(profile_of([([(1, 1)], 5)])), ALL)
    with pytest.raises(query.QueryError, match="samples, wall, cpu"):
        tree.column("memory")


def test_range_that_ends_before_it_starts_is_refused(filled):
    with pytest.raises(query.QueryError, match="before it starts"):
        query.merged_tree(filled(), Span("g", 5, 5))


def test_values_beyond_what_a_float_can_hold_stay_exact(filled):
    odd = 2**53 + 1
    tree = query.merged_tree(
        filled(
            profile_of([([(1, 1)], odd)]),
        ),
        ALL,
    )
    assert tree.totals()[:, 1].tolist() == [odd]


def test_hourly_shares_are_by_the_hour_a_profile_ends_in(filled):
    def at(hour, stacks_given):
        return profile_of(stacks_given, end_ns=int((hour + 0.5) * 3600 * 10**9), revision=f"r{hour}")

    store = filled(at(1, [([(1, 1), (2, 1)], 1)] * 3 + [([(1, 1)], 1)]), at(3, [([(1, 1)], 1)]))
    shares = query.hourly_shares(store, Span("g", 0, 5 * 3600))
    names = [frame.name for frame in shares.frames]
    assert shares.hours.tolist() == [0, 3600, 7200, 10800, 14400]
    assert shares.samples.tolist() == [0, 4, 0, 1, 0]
    np.testing.assert_allclose(shares.self_share[names.index("m:f2")], [0, 0.75, 0, 0, 0])
    np.testing.assert_allclose(shares.total_share[names.index("m:f1")], [0, 1, 0, 1, 0])
    assert shares.stack_parent.tolist() == [-1, 0]
    assert shares.revisions[1] == {"r1"}


def stacks(profile):
    """Values by stack; the same functions at other lines are other nodes, so they are added up."""
    found = Counter()
    for frames, labels, values in profile.stacks():
        for index, value in enumerate(values):
            found[frames, labels, index] += value
    return +found
