"""Rollups say exactly what the reports said, whatever came late, and whatever finer data is gone."""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kibitz_agent.profile import Frame, Header, ProfileBuilder
from kibitz_server import query
from kibitz_server.jobs import Jobs
from kibitz_server.retention import Retention
from kibitz_server.store import Span
from kibitz_server.store.cardinality import OTHER, Cardinality, CardinalityLimits
from kibitz_server.store.samples import cover
from kibitz_server.store.sql import open_sqlite

DAY = 86_400
NOW = 1_800_000_000 // DAY * DAY + 7 * 3600 + 123.0

REPORTS = st.lists(
    st.tuples(
        st.integers(0, 3 * DAY),
        st.lists(st.tuples(st.sampled_from(["a", "a;b", "a;c", "d;b;c"]), st.integers(1, 2**40)), max_size=4),
        st.sampled_from(["i-1", "i-2"]),
        st.sampled_from(["r1", ""]),
    ),
    max_size=12,
)


def report(stacks, ended, instance="i-1", revision=""):
    builder = ProfileBuilder()
    for text, count in stacks:
        builder.add_stack(
            [Frame(name) for name in text.split(";")], (count, 10 * count, count), {"state": "s"}
        )
    end_ns = int(ended * 1e9)
    return builder.build(Header(instance=instance, revision=revision, start_ns=end_ns - 10**9, end_ns=end_ns))


def roll_up_all(store, group="g"):
    while store.roll_up(group):
        pass


def sums(store, span, coarsest_s=DAY):
    """Values by (frame names, labels), over all that the span has."""
    samples, dictionary = store.samples(span, coarsest_s), store.dictionary(span.group)
    found = {}
    for node, labels, values in zip(samples.node, samples.labels, samples.values, strict=True):
        names, at = [], node
        while at >= 0:
            names.append(dictionary.frames[dictionary.frame[at]].name)
            at = dictionary.parent[at]
        key = (tuple(names), dictionary.label_sets[labels])
        found[key] = found.get(key, 0) + values
    return {key: tuple(values) for key, values in found.items()}


@given(
    REPORTS,
    st.integers(0, 3 * DAY),
    st.integers(1, 3 * DAY),
    st.integers(0, 12),
    st.sampled_from([300, 3600, DAY]),
)
@settings(max_examples=60, deadline=None)
def test_rollups_equal_the_sums_of_reports_in_every_span(
    tmp_path_factory, reports, low, length, rolled, step
):
    store = open_sqlite(str(tmp_path_factory.mktemp("store") / "k.sqlite"), clock=lambda: NOW)
    try:
        begin = NOW - 3 * DAY
        span = Span("g", begin + low, begin + low + length)
        for number, (offset, stacks, instance, revision) in enumerate(reports):
            if number == rolled:
                roll_up_all(store)
            store.add("g", report(stacks, begin + offset, instance, revision), str(number), "test")
        before = sums(store, span, coarsest_s=1)
        whole = query.merged_tree(store, span)
        roll_up_all(store)
        assert sums(store, span, step) == before
        after = query.merged_tree(store, span)
        assert (after.profiles, after.instances) == (whole.profiles, whole.instances)
        assert store.check() == []
    finally:
        store.close()


@pytest.fixture
def clock():
    class Clock:
        now = NOW

        def __call__(self):
            return self.now

    return Clock()


@pytest.fixture
def store(tmp_path, clock):
    opened = open_sqlite(str(tmp_path / "k.sqlite"), clock=clock)
    yield opened
    opened.close()


def test_finer_data_goes_and_coarser_stays(store, clock):
    midnight = NOW // DAY * DAY - 20 * DAY
    for hour in range(24):
        store.add("g", report([("a;b", hour + 1)], midnight + hour * 3600 + 1800), str(hour), "test")
    roll_up_all(store)
    clock.now = NOW
    store.expire("g")
    whole = Span("g", midnight, midnight + DAY)
    assert next(iter(sums(store, whole).values()))[0] == 300
    by_hour = store.samples(whole, coarsest_s=300)
    assert [part.profiles for part in by_hour.parts] == [1] * 24, (
        "five-minute buckets are gone, hours are kept"
    )
    assert next(iter(sums(store, whole, 300).values()))[0] == 300
    clock.now = NOW + 100 * DAY
    store.expire("g")
    assert [part.profiles for part in store.samples(whole, coarsest_s=300).parts] == [24]
    clock.now = NOW + 4 * 365 * DAY
    store.expire("g")
    assert len(store.samples(whole).node) == 0


def test_reports_that_wait_to_be_rolled_up_are_never_let_go(store, clock):
    store.add("g", report([("a", 1)], NOW - 30 * DAY), "1", "test")
    store.expire("g")
    assert sums(store, Span("g", 0, NOW))


def test_late_report_is_merged_into_its_bucket_once(store, clock):
    noon = NOW // DAY * DAY - DAY + DAY / 2
    span = Span("g", noon, noon + 3600)
    store.add("g", report([("a", 1)], noon + 60), "first", "test")
    roll_up_all(store)
    assert store.add("g", report([("a", 2)], noon + 90), "late", "test")
    roll_up_all(store)
    assert not store.add("g", report([("a", 2)], noon + 90), "late", "test")
    assert [values[0] for values in sums(store, span).values()] == [3]
    parts = store.samples(span, coarsest_s=3600).parts
    assert [(part.profiles, part.end) for part in parts] == [(2, noon + 90)]


def test_token_of_a_late_report_is_known_after_its_neighbours_are_gone(store, clock):
    long_ago = NOW - 10 * DAY
    store.add("g", report([("a", 2)], long_ago), "late", "test")
    roll_up_all(store)
    store.expire("g")
    assert not store.add("g", report([("a", 2)], long_ago), "late", "test")


def test_clock_that_jumps_back_brings_nothing_back_twice(store, clock):
    store.add("g", report([("a", 5)], NOW - 5 * DAY), "1", "test")
    roll_up_all(store)
    clock.now = NOW + DAY
    store.expire("g")
    clock.now = NOW - 6 * DAY
    store.expire("g")
    store.add("g", report([("a", 1)], NOW - 6 * DAY), "2", "test")
    roll_up_all(store)
    assert [values[0] for values in sums(store, Span("g", 0, NOW)).values()] == [6]
    assert store.check() == []


def test_retention_is_what_was_configured(tmp_path):
    retention = Retention(reports_s=DAY, five_minutes_s=2 * DAY, hours_s=3 * DAY, days_s=4 * DAY)
    store = open_sqlite(str(tmp_path / "k.sqlite"), retention, lambda: NOW)
    store.add("g", report([("a", 1)], NOW - 5.5 * DAY), "1", "test")
    roll_up_all(store)
    store.expire("g")
    assert len(store.samples(Span("g", 0, NOW)).node) == 0
    store.close()


def test_whole_span_is_covered_without_gap_or_overlap():
    pieces = cover(100.0, 200_000.0, {}, DAY)
    covered = sorted([(low, high) for _, low, high in pieces.buckets] + list(pieces.edges))
    assert covered[0][0] == 100.0
    assert covered[-1][1] == 200_000.0
    assert all(first[1] == second[0] for first, second in pairwise(covered))


def test_background_thread_rolls_up_and_stops(store):
    store.add("g", report([("a", 1)], NOW - 60), "1", "test")
    jobs = Jobs(store, interval_s=1000, clock=lambda: NOW, roll_up_s=0.01)
    jobs.start()
    deadline = time.monotonic() + 120
    while store.roll_up("g") and time.monotonic() < deadline:
        pass
    jobs.stop()
    assert store.samples(Span("g", NOW - 3600, NOW), 300).parts[0].profiles == 1


def test_labels_with_ever_new_values_are_folded_and_counted(store):
    builder = ProfileBuilder()
    for number in range(1200):
        builder.add_stack([Frame("a")], (1, 1, 1), {"request": f"r{number}"})
    assert store.add("g", builder.build(Header(start_ns=10**9, end_ns=2 * 10**9)), "1", "test")
    sets = [dict(labels) for labels in store.dictionary("g").label_sets]
    values = {labels["request"] for labels in sets if labels}
    assert len(values) == 1001
    assert OTHER in values
    assert store.folds == 200
    assert sum(values[0] for values in sums(store, Span("g", 0, 10)).values()) == 1200, "nothing is refused"


def test_guard_bounds_keys_values_and_lengths():
    guard = Cardinality(CardinalityLimits(values=2, keys=2, length=9))
    assert guard.folded((("k", "a"), ("l", "b"))) == (("k", "a"), ("l", "b"))
    assert guard.folded((("k", "c"), ("m", "d"))) == ((OTHER, OTHER), ("k", "c"))
    assert guard.folded((("k", "e"),)) == (("k", OTHER),)
    assert guard.folded((("l", "much too long"),)) == (("l", OTHER),)
    assert guard.folded((("k", "a"),)) == (("k", "a"),)
    assert guard.folds == 3


def test_labels_filter_rolled_up_samples(store):
    for instance, count in (("i-1", 1), ("i-2", 2)):
        store.add("g", report([("a;b", count)], NOW - 7200, instance), instance, "test")
    roll_up_all(store)
    span = Span("g", NOW - DAY, NOW)
    tree = query.merged_tree(store, span, lambda labels: ("instance", "i-2") in labels)
    assert tree.self_values[:, 0].sum() == 2
    assert np.array_equal(query.merged_tree(store, span).self_values.sum(axis=0), [3, 30, 3])
