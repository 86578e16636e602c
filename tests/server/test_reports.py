"""A batch of reports: kept at once, answered one by one, counted once however often it is sent."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz_agent import wire
from kibitz_agent.profile import ProfileBuilder
from kibitz_server.app import create_app
from kibitz_server.config import Config
from kibitz_server.ingest import IngestError, TooLargeError, batch
from kibitz_server.store import sql
from kibitz_server.store.nodes import MOST_DEPTH


@pytest.fixture
def body(make):
    """``body((group, token, stacks), ...)``: a batch."""

    def build(*reports):
        return batch.joined(
            [wire.encode(make(stacks, group=group, token=token)) for group, token, stacks in reports]
        )

    return build


def post(client, content, kind=batch.CONTENT_TYPE):
    return client.post("/api/reports", data=content, content_type=kind)


def test_reports_of_several_groups_are_kept(client, store, body):
    answer = post(client, body(("one", "1", {"a;b": 3}), ("two", "1", {"a": 1}), ("one", "2", {"a;b": 2})))
    assert answer.status_code == 200
    assert answer.get_json() == {"kept": 3, "seen": 0, "refused": []}
    assert {group.name: group.profiles for group in store.groups()} == {"one": 2, "two": 1}
    functions = client.get("/api/groups/one/functions?value=samples&from=0&to=1000").get_json()["functions"]
    assert {function["name"]: function["self"] for function in functions} == {"a": 0, "b": 5}


def test_batch_sent_again_counts_once(client, store, body):
    content = body(("g", "1", {"a": 1}), ("g", "2", {"a": 1}), ("g", "2", {"a": 1}))
    assert post(client, content).get_json() == {"kept": 2, "seen": 1, "refused": []}
    assert post(client, content).get_json() == {"kept": 0, "seen": 3, "refused": []}
    assert store.group("g").profiles == 2


def test_more_than_are_written_at_once_are_all_kept(client, store, body, monkeypatch):
    monkeypatch.setattr(sql, "REPORTS_AT_ONCE", 3)
    answer = post(client, body(*(("g", str(number), {"a": 1, f"a;f{number}": 2}) for number in range(10))))
    assert answer.get_json()["kept"] == 10
    assert store.group("g").profiles == 10
    assert store.check() == []


def test_reports_that_are_refused_do_not_take_the_others_with_them(client, store, make):
    deep = ProfileBuilder()
    node, frame = -1, deep.frame("a", "a.py", 1)
    for _ in range(MOST_DEPTH + 1):
        node = deep.node(node, frame, 1)
    deep.add(node, (1, 1, 1))
    header = make({"a": 1}, group="g", token="deep").header
    late = make({"a": 1}, group="g", token="5", start_ns=0, end_ns=10**19 // 2)
    reports = [
        wire.encode(make({"a": 1}, group="g", token="1")),
        b"not a profile",
        wire.encode(make({"a": 1}, group="no such / name", token="2")),
        wire.encode(deep.build(header)),
        wire.encode(make({"a": 1}, group="g", token="")),
        wire.encode(late),
        wire.encode(make({"a": 1}, group="g", token="3")),
    ]
    found = post(client, batch.joined(reports)).get_json()
    assert found["kept"] == 2
    reasons = {one["report"]: one["message"] for one in found["refused"]}
    assert sorted(reasons) == [1, 2, 3, 4, 5]
    for place, text in {1: "preamble", 2: "name", 3: "frames", 4: "token", 5: "future"}.items():
        assert text in reasons[place]
    assert store.group("g").profiles == 2


def test_groups_are_not_made_where_that_is_switched_off(store, tmp_path, body):
    client = create_app(store, Config(data=tmp_path, auto_create=False)).test_client()
    store.create_group("known", 1.0)
    found = post(client, body(("known", "1", {"a": 1}), ("unknown", "1", {"a": 1}))).get_json()
    assert found["kept"] == 1
    assert [one["report"] for one in found["refused"]] == [1]
    assert store.group("unknown") is None


def test_body_of_another_kind_or_cut_short_is_refused_whole(client, store, body):
    content = body(("g", "1", {"a": 1}), ("g", "2", {"a": 1}))
    assert post(client, content, "application/json").status_code == 415
    for cut in (1, 3, len(content) - 1):
        answer = post(client, content[:cut])
        assert answer.status_code == 400
        assert "expected" in answer.get_json()["message"]
    too_many = post(client, batch.joined([b""] * (batch.MOST_REPORTS + 1)))
    assert too_many.status_code == 413
    assert store.groups() == []
    assert post(client, b"").get_json() == {"kept": 0, "seen": 0, "refused": []}


def test_agents_may_hand_batches_in_and_viewers_may_not():
    from kibitz_server.auth import AGENT, VIEWER, allowed

    assert allowed(AGENT, "POST", "/api/reports")
    assert not allowed(VIEWER, "POST", "/api/reports")
    assert not allowed(AGENT, "GET", "/api/reports")


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_messages_are_what_was_joined(reports):
    assert list(batch.messages(batch.joined(reports))) == reports


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content):
    with contextlib.suppress(IngestError, TooLargeError):
        assert batch.joined(list(batch.messages(content))) == content


def test_token_makes_the_report_the_same_one_however_it_is_sent(client, store, make):
    profile = make({"a": 1}, group="g", token="t")
    again = replace(profile.header, token="")
    post(client, batch.joined([wire.encode(profile)]))
    address = "/profilingGroups/g/agentProfile?profileToken=t"
    answer = client.post(
        address, data=wire.encode(profile.with_header(again)), content_type=wire.CONTENT_TYPE
    )
    assert answer.status_code == 204
    assert store.group("g").profiles == 1
