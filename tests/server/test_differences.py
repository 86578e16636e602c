"""Differences: by share, over ranges, labels and groups; what is gone is told too."""

from __future__ import annotations

import pytest

from kibitz_agent.profile import Frame, Header, Profile, ProfileBuilder
from kibitz_server.app import create_app
from kibitz_server.config import Config
from kibitz_server.differences import differences
from kibitz_server.query import QueryError, merged_tree
from kibitz_server.store import Span
from kibitz_server.store.sql import open_sqlite

S = 10**9


def profile(start_s: int, stacks: dict[str, int], **labels: str) -> Profile:
    builder = ProfileBuilder()
    for path, value in stacks.items():
        frames = [Frame(f"m:{name}", "/m.py", 1) for name in path.split(";")]
        builder.add_stack(frames, (1, value, 0), labels)
    return builder.build(Header(start_ns=start_s * S, end_ns=(start_s + 300) * S))


@pytest.fixture
def store(tmp_path):
    opened = open_sqlite(str(tmp_path / "k.sqlite"))
    opened.add("g", profile(0, {"main;a": 50, "main;b": 50}), "1", "test")
    opened.add("g", profile(3000, {"main;a": 150, "main;b": 40, "main;c": 10}), "2", "test")
    yield opened
    opened.close()


def test_share_of_each_function_is_compared_whatever_the_length_of_the_ranges(store):
    now, before = merged_tree(store, Span("g", 2900, 3400)), merged_tree(store, Span("g", 0, 400))
    found = {one.frame.name: one for one in differences(now, before, "wall", 10)}
    assert found["m:a"].change == pytest.approx(0.75 - 0.5)
    assert found["m:b"].change == pytest.approx(0.2 - 0.5)
    assert found["m:c"].change == pytest.approx(0.05)
    assert found["m:main"].change == 0
    assert (found["m:a"].total, found["m:a"].base_total, found["m:a"].self_value) == (150, 50, 150)
    assert [one.frame.name for one in differences(now, before, "wall", 2)] == ["m:b", "m:a"]


def test_function_that_is_gone_is_among_them(store):
    now, before = merged_tree(store, Span("g", 0, 400)), merged_tree(store, Span("g", 2900, 3400))
    gone = {one.frame.name: one for one in differences(now, before, "wall", 10)}["m:c"]
    assert (gone.total, gone.base_total) == (0, 10)
    assert gone.change == pytest.approx(-0.05)


def test_groups_are_compared_by_their_functions_names(store):
    store.add("other", profile(0, {"start;a": 100}), "3", "test")
    now, before = merged_tree(store, Span("other", 0, 400)), merged_tree(store, Span("g", 0, 400))
    found = {one.frame.name: one for one in differences(now, before, "wall", 10)}
    assert found["m:a"].change == pytest.approx(0.5)
    assert (found["m:b"].total, found["m:b"].base_total) == (0, 50)
    assert found["m:start"].change == 1


def test_unknown_value_type_is_refused_by_name(store):
    tree = merged_tree(store, Span("g", 0, 400))
    with pytest.raises(QueryError, match="no values of type 'bytes'"):
        differences(tree, tree, "bytes", 10)


def test_api_compares_ranges_and_labels(tmp_path):
    opened = open_sqlite(str(tmp_path / "k.sqlite"))
    opened.add("g", profile(0, {"main;a": 50, "main;b": 50}, zone="east"), "1", "test")
    opened.add("g", profile(600, {"main;a": 90, "main;b": 10}, zone="west"), "2", "test")
    client = create_app(opened, Config(data=tmp_path)).test_client()
    for path in (
        "from=600&to=1000&baseFrom=0&baseTo=400",
        "from=0&to=1000&label=zone:west&baseLabel=zone:east",
    ):
        told = client.get(f"/api/groups/g/difference?value=wall&{path}&limit=1").json
        (one,) = told["functions"]
        assert (one["total"], one["baseTotal"], one["change"]) in ((90, 50, 0.4), (10, 50, -0.4))
        assert (told["total"], told["baseTotal"], told["unit"]) == (100, 100, "nanoseconds")
    assert client.get("/api/groups/g/difference?baseGroup=nowhere").status_code == 404
    assert client.get("/api/groups/g/difference?baseFrom=soon").status_code == 400
    opened.close()
