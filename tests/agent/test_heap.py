"""The heap summary's fields: what goes in comes out, and what is wrong is named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz_agent import wire
from kibitz_agent.heap import MAX_ROWS, HeapSite, HeapSummary, HeapType, from_fields, to_fields
from kibitz_agent.profile import Frame, Header, ProfileBuilder

numbers = st.integers(0, 2**63 - 1)
summaries = st.builds(
    HeapSummary,
    taken_ns=numbers,
    pause_ns=numbers,
    rss_bytes=numbers,
    objects=numbers,
    complete=st.booleans(),
    collections=st.lists(numbers, max_size=4).map(tuple),
    types=st.lists(st.builds(HeapType, st.text(max_size=20), numbers, numbers), max_size=5).map(tuple),
    sites=st.lists(st.builds(HeapSite, st.text(max_size=20), numbers, numbers, numbers), max_size=5).map(
        tuple
    ),
)


@given(summaries)
def test_summary_survives_its_fields_and_json(summary: HeapSummary) -> None:
    assert from_fields(json.loads(json.dumps(to_fields(summary)))) == summary


@given(st.none() | summaries)
def test_header_carries_the_summary_through_the_wire_form(summary: HeapSummary | None) -> None:
    builder = ProfileBuilder()
    builder.add_stack([Frame("m:a", "/a.py", 3)], (1, 2, 3), {})
    sent = builder.build(Header(group="shop", heap=summary))
    assert wire.decode(wire.encode(sent)).header.heap == summary


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ([], "heap: expected an object"),
        ({"rss_bytes": -1}, "heap.rss_bytes"),
        ({"rss_bytes": "1"}, "heap.rss_bytes"),
        ({"pause_ns": True}, "heap.pause_ns"),
        ({"objects": 1 << 63}, "heap.objects"),
        ({"complete": 1}, "heap.complete"),
        ({"collections": [1, None]}, "heap.collections"),
        ({"types": {}}, "heap.types: expected an array"),
        ({"types": [["list", 1]]}, "heap.types: expected rows of 3"),
        ({"types": [[1, 1, 1]]}, "heap.types: expected a string"),
        ({"types": [["list", 1.5, 1]]}, "heap.types: expected a whole number"),
        ({"sites": [["a.py", 1, 1]]}, "heap.sites: expected rows of 4"),
    ],
)
def test_fields_of_a_wrong_kind_are_refused_by_name(wrong: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        from_fields(wrong)


def test_rows_past_the_bound_are_left_out() -> None:
    assert len(from_fields({"types": [["list", 1, 1]] * (MAX_ROWS + 5)}).types) == MAX_ROWS
