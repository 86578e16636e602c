"""What Pyroscope's SDKs push arrives: text, pprof, forms; and hostile questions are refused, never stumbled over."""

from __future__ import annotations

import contextlib
import gzip
import io
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kibitz_agent.exporters import pprof
from kibitz_agent.profile import Frame, Header, ProfileBuilder
from kibitz_server.api import ApiError
from kibitz_server.api.pyroscope import series
from kibitz_server.ingest import IngestError, TooLargeError, collapsed


def question(**given):
    now = int(time.time())
    return {"name": "my.app.cpu{env=staging}", "from": now - 10, "until": now, **given}


def functions(client, group="my_app_cpu"):
    found = client.get(f"/api/groups/{group}/functions?value=samples").json
    return {function["name"]: function["self"] for function in found["functions"]}


def test_folded_stacks_arrive_with_their_labels(client, store):
    asked = question(sampleRate=100, spyName="pyspy")
    answer = client.post("/ingest", query_string=asked, data=b"main;work 3\nmain 1\nmain;a b 2\n")
    assert answer.status_code == 200, answer.data
    assert functions(client) == {"work": 3, "main": 1, "a b": 2}
    wall = client.get("/api/groups/my_app_cpu/functions?value=wall&limit=1").json
    assert wall["total"] == 60_000_000
    assert all(dict(labels)["env"] == "staging" for labels in store.dictionary("my_app_cpu").label_sets)


def test_same_push_again_counts_once(client):
    asked = question()
    for _ in range(2):
        assert client.post("/ingest", query_string=asked, data=b"main 1").status_code == 200
    assert functions(client) == {"main": 1}
    assert client.post("/ingest", query_string=asked, data=b"main 2").status_code == 200
    assert functions(client) == {"main": 3}


@pytest.mark.parametrize("scale", [1, 10**3, 10**6, 10**9])
def test_times_may_be_in_smaller_units(client, scale):
    now = int(time.time())
    asked = question(**{"from": (now - 10) * scale, "until": now * scale})
    assert client.post("/ingest", query_string=asked, data=b"main 1").status_code == 200
    assert functions(client) == {"main": 1}


def test_lines_gzip_and_pprof_arrive(client):
    assert (
        client.post("/ingest", query_string=question(format="lines"), data=b"a;b\na;b\na\n").status_code
        == 200
    )
    packed = gzip.compress(b"a;c 5\n")
    sent = client.post("/ingest", query_string=question(), data=packed, headers={"Content-Encoding": "gzip"})
    assert sent.status_code == 200
    builder = ProfileBuilder()
    builder.add_stack([Frame("a"), Frame("d")], (7, 1, 1))
    content = pprof.encode(builder.build(Header()))
    form = {"profile": (io.BytesIO(content), "profile.pprof")}
    assert client.post("/ingest", query_string=question(), data=form).status_code == 200
    assert functions(client) == {"b": 2, "c": 5, "d": 7, "a": 1}


@pytest.mark.parametrize(
    ("change", "body", "status"),
    [
        ({"name": ""}, b"a 1", 400),
        ({"name": "{a=b}"}, b"a 1", 400),
        ({"from": "x"}, b"a 1", 400),
        ({"until": "1"}, b"a 1", 400),
        ({"until": "9" * 25}, b"a 1", 400),
        ({"sampleRate": "0"}, b"a 1", 400),
        ({"format": "perf_script"}, b"a 1", 415),
        ({"format": "jfr"}, b"a 1", 400),
        ({"format": "speedscope"}, b"a 1", 400),
        ({"format": "pprof"}, b"nonsense", 400),
        ({}, b"no number", 400),
        ({}, b"\xff 1", 400),
        ({}, b"a 99999999999999999999", 400),
        ({}, b";".join([b"a"] * 20_000) + b" 1", 413),
    ],
)
def test_wrong_push_is_refused_with_a_reason(client, change, body, status):
    answer = client.post("/ingest", query_string=question(**change), data=body)
    assert answer.status_code == status
    assert answer.json["message"]
    assert client.get("/api/groups").json["groups"] == []


def test_future_is_refused(client):
    later = int(time.time()) + 3600
    answer = client.post("/ingest", query_string=question(until=later), data=b"a 1")
    assert answer.status_code == 400
    assert "future" in answer.json["message"]


def test_series_names_are_read():
    assert series('app{a="b",c=d}') == ("app", (("a", "b"), ("c", "d")))
    assert series("a b/c") == ("a_b_c", ())
    with pytest.raises(ApiError):
        series("app{" + ",".join(f"k{i}=v" for i in range(40)) + "}")


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_stacks_or_refused(body):
    try:
        profile = collapsed.decode(body)
    except IngestError:
        return
    assert profile.total() >= 0


@given(
    st.dictionaries(st.sampled_from(["name", "from", "until", "format", "sampleRate"]), st.text(max_size=20)),
    st.binary(max_size=40),
)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_question_makes_it_stumble(client, asked, body):
    assert client.post("/ingest", query_string={**question(), **asked}, data=body).status_code in (
        200,
        400,
        413,
        415,
    )


def field(number, content):
    size = len(content)
    return (
        bytes([number << 3 | 2])
        + (bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7]))
        + content
    )


def push_of(content, **labels):
    pairs = b"".join(field(1, field(1, k.encode()) + field(2, v.encode())) for k, v in labels.items())
    return field(1, pairs + field(2, field(1, content) + field(2, b"the-id")))


def test_pushed_series_arrives_once(client, store):
    builder = ProfileBuilder()
    builder.add_stack([Frame("a"), Frame("d")], (7, 1, 1))
    now_ns = time.time_ns()
    content = pprof.encode(builder.build(Header(start_ns=now_ns - 10**9, end_ns=now_ns)))
    body = push_of(content, service_name="their.app", region="x", __name__="process_cpu")
    for _ in range(2):
        answer = client.post("/push.v1.PusherService/Push", data=body)
        assert (answer.status_code, answer.content_type) == (200, "application/proto")
    assert functions(client, "their_app") == {"d": 7, "a": 0}
    keys = {key for labels in store.dictionary("their_app").label_sets for key, _ in labels}
    assert "region" in keys
    assert not any(key.startswith("__") for key in keys)
    nameless = client.post("/push.v1.PusherService/Push", data=push_of(content, region="x"))
    assert nameless.status_code == 400
    assert "service_name" in nameless.json["message"]


@given(st.binary(max_size=100), st.binary(max_size=60))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_push_makes_it_stumble(client, body, content):
    for sent in (body, push_of(content, service_name="s")):
        assert client.post("/push.v1.PusherService/Push", data=sent).status_code in (200, 400, 413)


TRIE = b"\0\0\1" + b"\6a;work" + b"\4\2" + b"\2er" + b"\3\0" + b"\2;b" + b"\5\0"
TREE = b"\0\0\1" + b"\1a" + b"\1\2" + b"\4work" + b"\4\1" + b"\1b" + b"\5\0" + b"\6worker" + b"\3\0"


@pytest.mark.parametrize("said", ["question", "type"])
@pytest.mark.parametrize(
    ("form", "body", "found"),
    [
        ("trie", TRIE, {"a": 0, "work": 4, "worker": 3, "b": 5}),
        ("tree", TREE, {"a": 1, "work": 4, "worker": 3, "b": 5}),
        ("lines", b"a;b\na;b\na\n", {"a": 1, "b": 2}),
        ("groups", b"a;b 2\na 1\n", {"a": 1, "b": 2}),
    ],
)
def test_every_textual_form_arrives_whichever_way_it_is_named(client, form, body, found, said):
    asked = question(format=form) if said == "question" else question()
    headers = {"Content-Type": "binary/octet-stream" + (f"+{form}" if said == "type" else "")}
    answer = client.post("/ingest", query_string=asked, data=body, headers=headers)
    assert answer.status_code == 200, answer.data
    assert functions(client) == found


@pytest.mark.parametrize(
    "body",
    [
        TREE[:-1],
        TREE + b"x",
        b"",
        b"\0\0\xff\xff\xff\xff\x0f",
        b"\0\0\1\x7fa",
        b"\0\0\1\1\xff\1\0",
        b"\0\0\1" * 20_000,
    ],
)
@pytest.mark.parametrize("form", ["trie", "tree"])
def test_tree_that_lies_is_refused(client, form, body):
    answer = client.post("/ingest", query_string=question(format=form), data=body)
    assert answer.status_code in (400, 413)
    assert client.get("/api/groups").json["groups"] == []


def test_tree_that_would_be_huge_as_text_is_refused():
    shared = b"\0\0\1" + b"\x80\x80\x04" + b"a" * (1 << 16) + b"\0\x90\x4e" + b"\1b\1\0" * 10_000
    with pytest.raises(TooLargeError):
        collapsed.decode_trie(shared)


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_a_tree_or_refused(body):
    for decode in (collapsed.decode_tree, collapsed.decode_trie):
        with contextlib.suppress(IngestError):
            assert decode(body).total() >= 0


@pytest.mark.parametrize(
    ("units", "value", "unit"),
    [
        ("samples", "samples", "count"),
        ("objects", "objects", "count"),
        ("bytes", "space", "bytes"),
        ("lock_nanoseconds", "delay", "nanoseconds"),
    ],
)
def test_numbers_are_what_their_units_say(client, units, value, unit):
    asked = question(units=units, spyName="javaspy", aggregationType="sum")
    assert client.post("/ingest", query_string=asked, data=b"a;b 2048\n").status_code == 200
    found = client.get(f"/api/groups/my_app_cpu/functions?value={value}").json
    assert (found["total"], found["unit"]) == (2048, unit)


def test_unknown_units_are_refused_with_those_that_are_not(client):
    answer = client.post("/ingest", query_string=question(units="furlongs"), data=b"a 1")
    assert answer.status_code == 400
    assert "lock_nanoseconds" in answer.json["message"]


def test_push_without_times_is_of_now_and_never_taken_for_a_retry(client, store):
    for _ in range(2):
        assert client.post("/ingest?name=plain", data=b"a 1\n").status_code == 200
    assert functions(client, "plain") == {"a": 2}
    assert abs(store.group("plain").last_seen - time.time()) < 600


@pytest.mark.parametrize("rate", ["1", "100"])
def test_counts_that_nobody_could_have_measured_are_refused(client, rate):
    answer = client.post("/ingest", query_string=question(sampleRate=rate), data=b"a 999999999999\n" * 3)
    assert answer.status_code == 400
    assert "add up to" in answer.json["message"]
