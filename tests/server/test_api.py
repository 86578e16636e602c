"""The HTTP surface: what is wrong with a request is said in AWS's way, and nothing is a 500."""

from __future__ import annotations

import gzip
import json
import sys
import time
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kibitz_agent import wire
from kibitz_server.api.aws import agent_model, model
from kibitz_server.app import create_app
from kibitz_server.config import Config, ConfigError, checked, is_loopback, read_token
from kibitz_server.query import QueryError
from kibitz_server.store import StoreError
from kibitz_server.timerange import parse_range

KIBITZ = {"Content-Type": wire.CONTENT_TYPE}


def post(client, profile, group="shop", token=None, **headers):
    path = f"/profilingGroups/{group}/agentProfile?profileToken={token or uuid.uuid4()}"
    return client.post(path, data=wire.encode(profile), headers={**KIBITZ, **headers})


@pytest.fixture
def recent(make):
    now_ns = time.time_ns()
    return make({"m:a;m:b": 3, "m:a": 1}, start_ns=now_ns - 10**9, end_ns=now_ns)


def test_agent_is_configured_as_aws_does_it(client):
    answer = client.post("/profilingGroups/new/configureAgent", json={"fleetInstanceId": "i", "metadata": {}})
    assert answer.status_code == 200
    assert answer.json == {
        "shouldProfile": True,
        "periodInSeconds": 300,
        "agentParameters": {
            "SamplingIntervalInMilliseconds": "1000",
            "MinimumTimeForReportingInMilliseconds": "60000",
            "MaxStackDepth": "1000",
            "MemoryUsageLimitPercent": "10",
        },
    }
    assert [group["name"] for group in client.get("/api/groups").json["groups"]] == ["new"]


def test_profile_is_acknowledged_without_a_body_and_shown(client, recent):
    answer = post(client, recent)
    assert (answer.status_code, answer.data) == (204, b"")
    payload = client.get("/api/groups/shop/flamegraph").json
    assert payload["strings"][payload["frames"]["name"][1]] == "m:a"
    functions = client.get("/api/groups/shop/functions?value=samples&limit=1").json
    assert functions == {
        "functions": [{"name": "m:b", "file": "", "line": 0, "self": 3, "total": 3}],
        "unit": "count",
        "total": 4,
    }


def test_retry_is_acknowledged_and_counted_once(client, recent):
    before = post(client, recent, token="same"), client.get("/api/groups/shop/watermark").json
    after = post(client, recent, token="same"), client.get("/api/groups/shop/watermark").json
    assert [answer.status_code for answer in (before[0], after[0])] == [204, 204]
    assert before[1] == after[1]


@pytest.mark.parametrize("name", ["a b", "a/b", "ä", "x" * 256, "a.b", "%00", "a%0a", "٣", "-" * 300])
@pytest.mark.parametrize("operation", ["configureAgent", "agentProfile"])
def test_group_name_of_other_characters_is_refused(client, name, operation):
    answer = client.post(f"/profilingGroups/{name}/{operation}", json={})
    assert answer.status_code in (400, 404)
    assert answer.headers["x-amzn-ErrorType"] in ("ValidationException", "ResourceNotFoundException")
    assert client.get("/api/groups").json["groups"] == []


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        (wire.CONTENT_TYPE, b"", 400),
        (wire.CONTENT_TYPE, b"garbage" * 100, 400),
        ("application/json", b"{", 400),
        ("application/json", b"[" * 100_000, 400),
        ("application/json", b'{"start": 1}', 400),
        ("application/json", b"\xff\xfe", 400),
        ("application/x-protobuf", b"\xff" * 50, 400),
        ("application/x-protobuf", gzip.compress(bytes(100 << 20)), 413),
        ("text/plain", b"a;b 3", 415),
        ("application/octet-stream", b"unknown", 415),
    ],
)
def test_wrong_body_is_refused_with_a_reason(client, content_type, body, status):
    answer = client.post(
        "/profilingGroups/shop/agentProfile", data=body, headers={"Content-Type": content_type}
    )
    assert answer.status_code == status
    assert answer.headers["x-amzn-ErrorType"] == "ValidationException"
    assert answer.json["message"]


def test_oversized_body_is_refused_before_it_is_read(client):
    answer = client.post(
        "/profilingGroups/shop/agentProfile",
        data=b"x",
        headers=KIBITZ,
        environ_overrides={"CONTENT_LENGTH": str(1 << 31)},
    )
    assert answer.status_code == 413


@pytest.mark.parametrize(("ahead_s", "status"), [(-24 * 3600, 204), (-60, 204), (240, 204), (360, 400)])
def test_reports_may_be_a_day_late_and_five_minutes_early(client, make, ahead_s, status):
    end_ns = time.time_ns() + ahead_s * 10**9
    answer = post(client, make({"a": 1}, start_ns=end_ns - 10**9, end_ns=end_ns))
    assert answer.status_code == status
    around = {"from": ahead_s + int(time.time()) - 300, "to": ahead_s + int(time.time()) + 300}
    if status == 204:
        found = client.get("/api/groups/shop/functions", query_string={"value": "samples", **around}).json
        assert found["total"] == 1
    else:
        assert client.get("/api/groups/shop").status_code == 404


def test_profile_from_the_future_is_refused(client, make):
    answer = post(client, make({"a": 1}, end_ns=time.time_ns() + 3600 * 10**9))
    assert answer.status_code == 400
    assert "future" in answer.json["message"]


def test_gzip_content_encoding_is_understood(client, recent):
    body = gzip.compress(wire.encode(recent))
    answer = client.post(
        "/profilingGroups/shop/agentProfile", data=body, headers={**KIBITZ, "Content-Encoding": "gzip"}
    )
    assert answer.status_code == 204


@pytest.mark.parametrize(
    "query",
    ["from=tomorrow", "from=5&to=4", "value=memory", "maxNodes=0", "maxNodes=1e9", "maxNodes=٣", "from=-1x", "from=" + "9" * 40],
)  # fmt: skip
def test_question_that_makes_no_sense_is_refused(client, recent, query):
    post(client, recent)
    answer = client.get(f"/api/groups/shop/flamegraph?{query}")
    assert answer.status_code == 400
    assert answer.json["message"]


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=10))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_query_string_makes_it_stumble(client, start, end, value):
    client.post("/profilingGroups", json={"profilingGroupName": "shop"})
    answer = client.get(
        "/api/groups/shop/flamegraph", query_string={"from": start, "to": end, "value": value}
    )
    assert answer.status_code in (200, 400)


@pytest.mark.parametrize("path", ["flamegraph", "functions", "findings", "watermark"])
def test_unknown_group_is_not_found(client, path):
    answer = client.get(f"/api/groups/nobody/{path}")
    assert answer.status_code == 404
    assert answer.headers["x-amzn-ErrorType"] == "ResourceNotFoundException"


def test_store_that_cannot_be_used_is_a_503_without_secrets(client, recent, store, monkeypatch):
    def fail(*args, **kwargs):
        raise StoreError("the store cannot be used: disk full")

    monkeypatch.setattr(store, "add", fail)
    answer = post(client, recent)
    assert answer.status_code == 503
    assert "disk full" in answer.json["message"]


def test_unexpected_mistake_is_a_500_that_tells_nothing(client, store, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(store, "groups", fail)
    answer = client.get("/api/groups")
    assert answer.status_code == 500
    assert b"secret" not in answer.data


def test_answers_carry_the_security_headers(client):
    headers = client.get("/").headers
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert "http" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Origin" not in headers


def test_foreign_host_name_is_refused_on_loopback(client):
    assert client.get("/api/groups", headers={"Host": "evil.example"}).status_code == 403
    assert client.get("/api/groups", headers={"Host": "localhost:1"}).status_code == 200
    assert client.get("/api/groups", headers={"Host": "[::1]:1"}).status_code == 200


def test_token_is_needed_everywhere_but_for_health(store, tmp_path):
    token = "0123456789abcdef"
    client = create_app(store, Config(data=tmp_path, host="0.0.0.0", token=token)).test_client()
    assert client.get("/healthz").status_code == 200
    for headers in (
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic eDp5"},
        {"Authorization": "Bearer ä"},
    ):
        answer = client.get("/api/groups", headers=headers)
        assert answer.status_code == 401
        assert token not in answer.text
    assert client.get("/api/groups", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert client.get("/", auth=("anyone", token)).status_code == 200


def test_renderer_is_served_and_nothing_else(client):
    assert client.get("/static/flamegraph/flamegraph.js").mimetype == "text/javascript"
    assert client.get("/static/flamegraph/flamegraph.css").mimetype == "text/css"
    for name in ("secret.py", "..%2f__init__.py", "__init__.py"):
        assert client.get(f"/static/flamegraph/{name}").status_code == 404


def test_reachable_address_needs_a_token(tmp_path):
    with pytest.raises(ConfigError, match="token"):
        checked(Config(data=tmp_path, host="0.0.0.0"))
    assert checked(Config(data=tmp_path, host="0.0.0.0", token="x" * 16)).host == "0.0.0.0"


def test_loopback_is_recognised():
    assert all(
        is_loopback(host) for host in ("127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "LOCALHOST")
    )
    assert not any(is_loopback(host) for host in ("0.0.0.0", "10.0.0.1", "example.com", "localhost.evil", ""))


def test_token_file_is_read_and_weak_or_missing_ones_refused(tmp_path, monkeypatch):
    monkeypatch.delenv("KIBITZ_TOKEN_FILE", raising=False)
    assert read_token(None) == ""
    good = tmp_path / "token"
    good.write_text("a-long-enough-token\n")
    assert read_token(good) == "a-long-enough-token"
    monkeypatch.setenv("KIBITZ_TOKEN_FILE", str(good))
    assert read_token(None) == "a-long-enough-token"
    (tmp_path / "short").write_text("short")
    with pytest.raises(ConfigError, match="16 or more") as caught:
        read_token(tmp_path / "short")
    assert "short\n" not in str(caught.value)
    with pytest.raises(ConfigError, match="cannot read"):
        read_token(tmp_path / "none")


def test_ranges_are_read_as_people_write_them():
    assert parse_range(None, None, 10_000) == (6400, 10_060)
    assert parse_range("-30m", "now", 10_000) == (8200, 10_060)
    assert parse_range("100", "200.5", 10_000) == (100, 200.5)
    with pytest.raises(QueryError, match="-12h"):
        parse_range("noon", None, 10_000)


def test_configuration_request_that_is_no_object_is_refused(client):
    answer = client.post(
        "/profilingGroups/shop/configureAgent", data=json.dumps([1]), content_type="application/json"
    )
    assert answer.status_code == 400


def test_settings_are_changed_one_by_one_and_told_to_agents(client):
    client.post("/profilingGroups", json={"profilingGroupName": "shop"})
    assert client.get("/api/groups/shop/settings").json["period_s"] == 300
    changed = client.put(
        "/api/groups/shop/settings", json={"sampling_interval_ms": 10, "max_stack_depth": 450}
    )
    assert changed.json["sampling_interval_ms"] == 10
    answer = client.post("/profilingGroups/shop/configureAgent", json={}).json
    assert answer["agentParameters"]["SamplingIntervalInMilliseconds"] == "10"
    assert answer["agentParameters"]["MaxStackDepth"] == "450"
    assert answer["agentParameters"]["MinimumTimeForReportingInMilliseconds"] == "60000"


@pytest.mark.parametrize(
    "wanted",
    [
        {"max_stack_depth": 0},
        {"max_stack_depth": -5},
        {"max_stack_depth": True},
        {"max_stack_depth": "10"},
        {"period_s": 59},
        {"period_s": 10**9},
        {"sampling_interval_ms": 0},
        {"sampling_interval_ms": 300_001},
        {"cpu_limit_percent": 0},
        {"profiling_enabled": 1},
        {"unknown": 1},
        [1],
        None,
    ],
)
def test_settings_that_could_hurt_an_agent_are_refused(client, wanted):
    client.post("/profilingGroups", json={"profilingGroupName": "shop"})
    before = client.get("/api/groups/shop/settings").json
    answer = client.put("/api/groups/shop/settings", json=wanted)
    assert answer.status_code == 400
    assert client.get("/api/groups/shop/settings").json == before


def test_without_botocore_agents_find_what_they_need(store, tmp_path, monkeypatch, recent):
    monkeypatch.setitem(sys.modules, "botocore.loaders", None)
    client = create_app(store, Config(data=tmp_path)).test_client()
    full = model.load("codeguruprofiler", agent_model.DESCRIPTION)
    assert {operation.name for operation in full.operations} == set(agent_model.DESCRIPTION["operations"])
    assert client.post("/profilingGroups/shop/configureAgent", json={}).json["periodInSeconds"] == 300
    assert post(client, recent).status_code == 204
    assert client.post("/profilingGroups", json={"profilingGroupName": "made"}).status_code == 201
    listed = client.get("/profilingGroups?includeDescription=true").json
    assert sorted(listed["profilingGroupNames"]) == ["made", "shop"]
    assert client.get("/profilingGroups/shop").json["name"] == "shop"
    assert client.get("/profilingGroups/a%20b").status_code == 400
    assert client.delete("/profilingGroups/shop").status_code == 204


def test_deep_stacks_come_out_as_json(client, make):
    now_ns = time.time_ns()
    deep = make({";".join(f"m:f{i}" for i in range(5000)): 3}, start_ns=now_ns - 10**9, end_ns=now_ns)
    assert post(client, deep).status_code == 204
    answer = client.get("/profilingGroups/shop/profile?period=PT5M")
    assert answer.status_code == 200
    assert answer.data.count(b'"children"') == 5000
    assert answer.data.count(b"{") == answer.data.count(b"}")


def test_series_come_in_whole_times_of_how_often_reports_end(client, store, make):
    now = int(time.time()) // 3600 * 3600
    asked = f"from={now - 3600}&to={now}"
    for number in range(12):
        end_ns = (now - 100 - 300 * number) * 10**9
        store.add("shop", make({"m:a": 5}, start_ns=end_ns - 10**9, end_ns=end_ns), str(number), "t")
        store.add("often", make({"m:a": 5}, start_ns=end_ns - 10**9, end_ns=end_ns), str(number), "t")
        for back in range(60, 300, 60):
            ended_ns = end_ns + back * 10**9
            store.add(
                "often", make({"m:a": 5}, start_ns=ended_ns - 10**9, end_ns=ended_ns), f"{number}-{back}", "t"
            )
    slow = client.get(f"/api/groups/shop/series?{asked}").json
    assert (slow["step"], slow["samples"]) == (300, [5] * 12)
    assert client.get(f"/api/groups/often/series?{asked}").json["step"] == 60
    assert client.get(f"/api/groups/shop/series?from={now - 43_200}&to={now}").json["step"] == 600


def test_trends_leave_out_times_of_which_nothing_is_known(client, store, make):
    now = int(time.time()) // 3600 * 3600
    for back in (600, 2400):
        end_ns = (now - back) * 10**9
        store.add("shop", make({"m:a": 5, "m:b": 5}, start_ns=end_ns - 10**9, end_ns=end_ns), str(back), "t")
    trends = client.get(f"/api/groups/shop/trends?from={now - 3600}&to={now}").json
    assert len(trends["starts"]) == 2
    assert dict(zip(trends["names"], trends["shares"], strict=True))["m:a"] == [0.5, 0.5]


@pytest.mark.parametrize(
    "told",
    [
        {"host": {"cpus": float("inf")}, "process_cpu_ns": 10**9},
        {"host": {"cpus": 1e308}, "process_cpu_ns": 10**9},
        {"start_ns": 1, "end_ns": 2},
        {"runtime": "\ud800"},
        {"instance": "\ud800"},
    ],
)
def test_report_that_tells_nonsense_of_itself_breaks_no_page(client, make, told):
    now_ns = time.time_ns()
    answer = post(client, make({"a": 1}, **{"start_ns": now_ns - 10**9, "end_ns": now_ns, **told}))
    assert answer.status_code in (204, 400)
    for page in ("/", "/groups/shop/summary", "/groups/shop"):
        assert client.get(page).status_code in (200, 404)
