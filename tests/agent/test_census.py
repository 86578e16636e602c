"""The census: what it counts is there, its pause is bounded, and no line of the host's runs meanwhile."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from kibitz_agent import census
from kibitz_agent.heap import HeapSummary, HeapType

LONG_NS = 60_000_000_000

ran: list[str] = []


class Telltale(type):
    """A metaclass that tells of every line of it that runs."""

    def __hash__(cls) -> int:
        ran.append("hash")
        return 1

    def __eq__(cls, other: object) -> bool:
        ran.append("eq")
        return cls is other

    @property
    def __module__(cls) -> str:  # type: ignore[override]
        ran.append("module")
        return "wrong"

    @property
    def __name__(cls) -> str:  # type: ignore[override]
        ran.append("name")
        return "wrong"


class Watched(metaclass=Telltale):
    def __sizeof__(self) -> int:
        ran.append("sizeof")
        return 1 << 40

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        ran.append("class")
        return int

    def __getattribute__(self, name: str) -> object:
        ran.append(name)
        return object.__getattribute__(self, name)

    def __del__(self) -> None:
        ran.append("del")


class Order:
    def __init__(self, number: int) -> None:
        self.lines = [number]


@pytest.fixture(params=["native", "python"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if request.param == "python":
        monkeypatch.setitem(sys.modules, "kibitz_agent._native._heap", None)
    gc.collect()
    yield request.param
    ran.clear()


def of(summary: HeapSummary, name: str) -> HeapType:
    return next((found for found in summary.types if found.name == name), HeapType(name, 0, 0))


def test_census_counts_the_objects_of_a_class(way: str) -> None:
    orders = [Order(number) for number in range(5000)]
    before = of(census.take(LONG_NS), f"{__name__}.Order").count
    del orders[:2000]
    after = of(census.take(LONG_NS), f"{__name__}.Order").count
    assert (before, after) == (5000, 3000)


def test_census_counts_what_the_collector_does_not_track() -> None:
    gc.collect()  # what other tests left must not go meanwhile
    before = census.take(LONG_NS)
    texts = [f"{number}".zfill(100) for number in range(20_000)]
    rows = [{"number": 1_000_000 + number} for number in range(10_000)]
    pairs = [(2_000_000 + number,) for number in range(10_000)]
    gc.collect()  # it lets go of tuples that can be part of no cycle
    after = census.take(LONG_NS)
    assert after.complete
    grown = {name: of(after, name).count - of(before, name).count for name in ("str", "dict", "tuple", "int")}
    assert 19_000 < grown["str"] < 21_000
    assert 9_000 < grown["dict"] < 11_000
    assert 9_000 < grown["tuple"] < 11_000
    assert 19_000 < grown["int"] < 21_000
    assert of(after, "str").bytes - of(before, "str").bytes > 20_000 * 100
    assert len(texts) + len(rows) + len(pairs) == 40_000


def test_census_shares_what_several_hold_among_them() -> None:
    gc.collect()
    before = of(census.take(LONG_NS), "str").bytes
    text = "x" * 10_000_000
    holders = [[text] for _ in range(500)]
    grown = of(census.take(LONG_NS), "str").bytes - before
    assert 9_000_000 < grown < 12_000_000
    assert len(holders) == 500


def test_census_runs_no_line_of_the_host(way: str) -> None:
    watched = [Watched() for _ in range(300)]
    ran.clear()
    summary = census.take(LONG_NS)
    assert ran == []
    names = {found.name: found for found in summary.types}
    assert names[f"{__name__}.Watched"].count == 300 == len(watched)
    assert names[f"{__name__}.Watched"].bytes < 300 * 1000


def test_census_names_builtins_barely_and_others_with_their_module(way: str) -> None:
    from collections import deque

    kept = [deque([1]) for _ in range(3000)], [[1] for _ in range(3000)]
    names = {found.name for found in census.take(LONG_NS).types}
    assert {"collections.deque", "list", "dict"} <= names
    assert kept


def test_census_without_time_says_that_it_is_not_complete(way: str) -> None:
    summary = census.take(1)
    assert not summary.complete
    assert summary.rss_bytes > 1 << 20
    assert summary.taken_ns > 0


def test_census_in_python_is_never_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kibitz_agent._native._heap", None)
    assert not census.take(LONG_NS).complete


def test_census_that_runs_out_of_time_estimates_bytes_without_bias() -> None:
    from kibitz_agent._native import _heap as heap

    orders = [Order(number) for number in range(300_000)]
    rows, complete = heap.count(LONG_NS)
    whole = {kind: (count, size) for kind, count, size in rows}
    assert complete
    # By how long the whole took, so that the share that is measured shrinks on the way, on any machine.
    began = census.take(LONG_NS).pause_ns
    for limit_ns in (2 * began, 4 * began, 8 * began):
        rows, complete = heap.count(limit_ns)
        found = {kind: (count, size) for kind, count, size in rows}
        if complete:
            assert found[Order][0] == 300_000
            assert found[Order][1] == pytest.approx(whole[Order][1], rel=0.1)
            assert found[list][1] == pytest.approx(whole[list][1], rel=0.1)
    assert len(orders) == 300_000


def test_census_folds_the_small_types_into_one_entry() -> None:
    kinds = [type(f"Kind{number}", (), {}) for number in range(300)]
    kept = [kind() for kind in kinds]
    summary = census.take(LONG_NS)
    assert len(summary.types) == census.MAX_TYPES + 1
    assert summary.types[-1].name.endswith(" other types)")
    assert sum(found.count for found in summary.types) == summary.objects
    assert kept


def test_census_lists_allocation_sites_while_they_are_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(census, "_TRACES_LIMIT_NS", LONG_NS)  # other tests may have left many objects
    assert census.take(LONG_NS).sites == ()
    tracemalloc.start()
    try:
        kept = [bytes(1000) for _ in range(2000)]
        sites = census.take(LONG_NS).sites
    finally:
        tracemalloc.stop()
    mine = [site for site in sites if Path(site.file) == Path(__file__) and site.bytes > 1_900_000]
    assert len(mine) == 1
    assert mine[0].count >= 2000 == len(kept)
    assert mine[0].line > 0


def test_census_counts_collections_by_generation() -> None:
    before = census.take(LONG_NS).collections
    gc.collect()
    after = census.take(LONG_NS).collections
    assert len(after) == len(gc.get_stats())
    assert sum(after) > sum(before)
