"""Heaps over time: slopes as data, the store's rows, and real processes that leak or do not."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kibitz_agent import heap
from kibitz_agent.heap import HeapSite, HeapSummary, HeapType
from kibitz_server import heap_growth
from kibitz_server.app import create_app
from kibitz_server.config import Config
from kibitz_server.heap_growth import is_steady, theil_sen
from kibitz_server.jobs import Jobs
from kibitz_server.store import Span

NOW = 1_800_000_000.0
TARGET = Path(__file__).parents[1] / "targets" / "heap" / "shop.py"
MIB = 2**20


def hours(*values: float) -> tuple[Any, Any]:
    return np.arange(len(values)) * 3600.0, np.array(values, float)


def keep(
    store: Any, make: Any, summaries: list[HeapSummary], instance: str = "i-1", step_s: float = 300
) -> None:
    """Reports that carry the summaries, the last at NOW."""
    for at, summary in enumerate(summaries):
        taken = NOW - step_s * (len(summaries) - 1 - at)
        summary = replace(summary, taken_ns=int(taken * 1e9))
        profile = make(
            {"a": 1}, instance=instance, end_ns=int(taken * 1e9), start_ns=int(taken * 1e9) - 10, heap=summary
        )
        assert store.add("g", profile, f"{instance}-{at}", "kibitz")


def summary(**counts: int) -> HeapSummary:
    types = tuple(HeapType(name.replace("__", "."), count, 64 * count) for name, count in counts.items())
    return HeapSummary(rss_bytes=50 * MIB, objects=sum(counts.values()), types=types, pause_ns=3_000_000)


def test_the_slope_is_the_middle_one_and_wild_points_do_not_move_it():
    slope = theil_sen(*hours(*(10.0 * at for at in range(20))))
    assert (slope.per_hour, slope.low, slope.high) == (10, 10, 10)
    wild = [10.0 * at + (10_000 if at in (3, 11, 17) else 0) for at in range(20)]
    slope = theil_sen(*hours(*wild))
    assert slope.per_hour == pytest.approx(10, abs=0.5)


def test_noise_has_no_sure_slope():
    rng = np.random.default_rng(1)
    slopes = [theil_sen(*hours(*rng.normal(100, 5, 24))) for _ in range(1000)]
    sure = sum(not slope.low < 0 < slope.high for slope in slopes)
    assert sure <= 10  # of 2.7 to be expected beyond three standard deviations
    assert not any(is_steady(*hours(*rng.normal(100, 5, 24))) for _ in range(1000))


def test_few_points_are_never_sure():
    assert theil_sen(*hours(1, 2)) is None
    assert theil_sen(*hours(1, 2, 3)).low == float("-inf")
    assert not is_steady(*hours(*range(7)))
    assert is_steady(*hours(*range(8)))


@pytest.mark.parametrize(
    "values",
    [
        [*range(0, 1000, 100), *[1000] * 14],  # a cache that filled
        [1000 * (1 - 0.7**at) for at in range(24)],  # and one that fills ever more slowly
        [500] * 24,
        [*range(24, 0, -1)],
        [at % 6 for at in range(24)],  # collected now and then
    ],
)
def test_what_fills_up_or_comes_and_goes_is_not_steady(values):
    assert not is_steady(*hours(*values))


def test_what_was_counted_is_kept_and_read_in_order(store, make):
    sent = [
        replace(summary(m__A=n), collections=(3, 2, 1), sites=(HeapSite("a.py", 3, 4, 5),)) for n in (1, 2, 3)
    ]
    keep(store, make, sent)
    rows = store.heaps(Span("g", NOW - 3600, NOW + 1))
    assert [row.summary.types[0].count for row in rows] == [1, 2, 3]
    assert rows[0].summary.sites == sent[0].sites
    assert (rows[2].taken, rows[2].instance) == (NOW, "i-1")
    assert store.heaps(Span("g", NOW - 3600, NOW)) == rows[:2]
    assert store.heaps(Span("nobody", 0, NOW)) == []
    assert len(store.heaps(Span("g", 0, NOW + 1), most=1)) == 1
    assert store.delete_group("g")
    assert store.heaps(Span("g", 0, NOW + 1)) == []


def test_a_report_sent_twice_keeps_its_heap_once(store, make):
    for _ in range(2):
        store.add("g", make({"a": 1}, heap=summary(m__A=1)), "same", "kibitz")
    assert len(store.heaps(Span("g", 0, 1e10))) == 1


def growing(rounds: int = 12, leak: int = 2000) -> list[HeapSummary]:
    return [
        summary(shop__Session=100 + leak * at, dict=3000 + 4 * leak * at, int=5000) for at in range(rounds)
    ]


def test_a_class_of_ones_own_is_named_before_the_dicts_that_hang_from_it(store, make):
    keep(store, make, growing())
    first, second = heap_growth.detect_group(store, "g", NOW)
    assert (first.kind, first.frame, second.frame) == ("heap", "shop.Session", "dict")
    assert first.details["objects_per_hour"] == pytest.approx(24_000)
    assert "24,000 more objects an hour" in first.reason


def test_counts_that_were_broken_off_accuse_nobody(store, make):
    keep(store, make, [replace(one, complete=False) for one in growing()])
    assert heap_growth.detect_group(store, "g", NOW) == []


def test_types_that_grow_in_a_heap_that_does_not_are_left_alone(store, make):
    rounds = [summary(shop__A=100 + 2000 * at, shop__B=30_000 - 2000 * at) for at in range(12)]
    keep(store, make, rounds)
    assert heap_growth.detect_group(store, "g", NOW) == []


def test_two_instances_that_leak_the_same_are_one_finding(store, make):
    for instance in ("i-1", "i-2"):
        keep(store, make, growing(), instance)
    assert [one.frame for one in heap_growth.detect_group(store, "g", NOW)] == ["shop.Session", "dict"]


def test_the_job_keeps_what_grows(store, make):
    keep(store, make, growing())
    for _ in range(2):
        Jobs(store, 300, clock=lambda: NOW).run_once()
    assert sorted(one.frame for one in store.findings("g")) == ["dict", "shop.Session"]


def test_a_leak_that_goes_on_is_the_same_finding_and_one_that_comes_back_is_new(store, make):
    keep(store, make, growing())
    first = heap_growth.detect_group(store, "g", NOW)
    later = heap_growth.detect_group(store, "g", NOW + 3600, first)
    assert [one.id for one in later] == [one.id for one in first]
    old = [
        replace(one, id=f"old {one.id}", start=one.start - 432_000, end=one.end - 432_000) for one in first
    ]
    again = heap_growth.detect_group(store, "g", NOW, old)
    assert [one.id for one in again] == [one.id for one in first]


def test_each_type_tells_what_else_grows_in_its_heap(store, make):
    keep(store, make, growing())
    first, second = heap_growth.detect_group(store, "g", NOW)
    assert (first.details["grows_with"], second.details["grows_with"]) == (["dict"], ["shop.Session"])


def test_old_heaps_are_let_go(store, make):
    keep(store, make, growing())
    store.expire("g")  # whose clock says that NOW is in the future
    assert len(store.heaps(Span("g", 0, NOW + 1))) == 12


def test_the_page_draws_heaps_and_names_what_grows(store, make, tmp_path):
    keep(store, make, growing())
    client = create_app(store, Config(data=tmp_path)).test_client()
    page = client.get(f"/groups/g/heap?from={NOW - 7200:.0f}&to={NOW + 1:.0f}").text
    assert "<strong>grows steadily</strong>" in page
    assert page.count("<polyline") == 2
    assert "shop.Session" in page
    assert "held the process up for 3 ms" in page
    (one,) = client.get(f"/api/groups/g/heap?from={NOW - 7200:.0f}&to={NOW + 1:.0f}").json["processes"]
    assert one["leaks"] is True
    assert one["types"][0]["name"] == "shop.Session"
    assert "No heap summaries" in client.get("/groups/g/heap?from=-1h").text
    assert 'href="/groups/g/heap"' in client.get("/groups/g/summary").text


def looks(kind: str) -> list[HeapSummary]:
    ran = subprocess.run(
        [sys.executable, str(TARGET), kind], capture_output=True, text=True, timeout=300, check=True
    )
    return [heap.from_fields(json.loads(line)) for line in ran.stdout.splitlines()]


@pytest.mark.parametrize(("kind", "named"), [("leaky", ["Session"]), ("steady", [])])
def test_a_real_leak_is_named_by_its_type_within_an_hour_and_no_leak_is_not(
    store, make, lacking, kind, named
):
    if importlib.util.find_spec("kibitz_agent._native._heap") is None:
        lacking("the heap extension")
    seen = looks(kind)
    assert len(seen) == 12
    keep(store, make, seen)  # five minutes apart: the first hour of the process
    found = heap_growth.detect_group(store, "g", NOW)
    assert [one.frame.rpartition(".")[2] for one in found][:1] == named, [one.reason for one in found]
