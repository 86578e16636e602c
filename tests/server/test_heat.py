"""A group's hot functions, for who reviews their source."""

from __future__ import annotations

import pytest

from kibitz_agent.profile import Frame, Header, ProfileBuilder
from kibitz_server import heat
from kibitz_server.store import Span


@pytest.fixture
def hot(store):
    store.create_group("g", 0.0)
    for number, blob in enumerate(("ab" * 20, "cd" * 20)):
        builder = ProfileBuilder()
        for name, count in (("a:hot", 40), ("a:cold", 10)):
            frames = [Frame("a:main", "/app/a.py", 1), Frame(name, "/app/a.py", 9)]
            builder.add_stack(frames, (count, 10 * count, 5 * count))
        end_ns = (100 + number) * 10**9
        header = Header("g", "i", end_ns=end_ns, blobs={"/app/a.py": blob, "/app/b.py": "ef" * 20})
        store.add("g", builder.build(header), f"token {number}", "test")
    return store


def test_functions_come_hottest_first_with_the_texts_that_ran(hot):
    found = heat.heat(hot, Span("g", 0, 10_000_000))
    assert [(one["name"], one["total"]) for one in found["functions"]] == [
        ("a:main", 500),
        ("a:hot", 400),
        ("a:cold", 100),
    ]
    assert (found["value"], found["total"]) == ("cpu", 500)
    assert found["blobs"] == {"/app/a.py": ["ab" * 20, "cd" * 20]}


def test_a_group_without_reports_has_none(store, client):
    store.create_group("empty", 0.0)
    answer = client.get("/api/groups/empty/heat?from=-7d")
    assert (answer.status_code, answer.json["functions"], answer.json["blobs"]) == (200, [], {})
    assert client.get("/api/groups/none/heat").status_code == 404
