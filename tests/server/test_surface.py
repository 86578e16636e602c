"""Every address of the collector, asked by every method with anything at all: refused or answered, never a mistake."""

from __future__ import annotations

import string
import time
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kibitz_agent import wire
from kibitz_agent.heap import HeapSummary, HeapType
from kibitz_server.app import create_app
from kibitz_server.config import Config
from kibitz_server.ingest import IngestError, aws, kibitz, pprof

PARAMETERS = (
    "from", "to", "value", "maxNodes", "limit", "startTime", "endTime", "period", "maxDepth", "maxResults",
    "nextToken", "orderBy", "profileToken", "clientToken", "targetResolution", "locale", "revisionId", "tagKeys",
    "label", "baseLabel", "base_label", "base_from", "base_to", "base_group", "baseFrom", "baseTo", "baseGroup", "groupBy",
    "by", "q", "page", "item", "sort", "days", "compare", "candidate", "baseline", "said", "amount", "name", "until",
    "units", "format", "sampleRate",
)  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [
            "PT5M",
            "P1D",
            "2026-11-22T20:00:00Z",
            "9999-12-31T23:59:59Z",
            "-1h",
            "0",
            "1e308",
            "true",
            "now",
            "1",
            "wall",
            "cpu",
            "samples",
            "thread",
            "state=running",
            "thread=\u00fc",
            "state!=running",
            "pb.gz",
            "folded",
            "jfr",
        ]
    ),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["profilingGroupName", "tags", "channels", "uri", "eventPublishers", "metadata", "frameMetrics",
                 "frameName", "threadStates", "type", "principals", "agentOrchestrationConfig", "profilingEnabled",
                 "period_s", "max_stack_depth", "comment"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)  # fmt: skip


@pytest.fixture
def rules(store, tmp_path, make):
    app = create_app(store, Config(data=tmp_path))
    found = [rule for rule in app.url_map.iter_rules() if rule.methods]
    client = app.test_client()
    for number, told in enumerate(TOLD):
        end_ns = time.time_ns() - number * 10**9
        profile = make({"m:a;m:b": 3, "m:\udc80\u00fc": 1}, start_ns=end_ns - 10**9, end_ns=end_ns, **told)
        answer = client.post(
            f"/profilingGroups/shop/agentProfile?profileToken=t{number}",
            data=wire.encode(profile),
            content_type=kibitz.CONTENT_TYPE,
        )
        assert answer.status_code == 204, answer.data
    return client, found


def heap(names, **changed):
    """Of each name a thousand objects."""
    types = tuple(HeapType(name, 1000, 64_000) for name in names)
    return HeapSummary(**{"taken_ns": time.time_ns(), "rss_bytes": 1 << 30, "types": types, **changed})


# What reports say of themselves: as an honest agent does, as one in odd places does, as none would.
TOLD = (
    {
        "revision": "a" * 40,
        "process_cpu_ns": 10**9,
        "host": {"name": "web-1", "cpus": 4},
        "heap": heap(["dict", "list"]),
    },
    {
        "revision": "b" * 40,
        "blobs": {"src/\udcff.py": "c" * 40},
        "limits": ("MaxStackDepth",),
        "heap": heap(["\ud800x"]),
    },
    {
        "host": {"name": "\ud800", "cpus": "many", "x" * 300: "<script>"},
        "heap": heap([], taken_ns=0),
    },
    {
        "instance": "<b>",
        "process_id": -1,
        "interval_ns": 1 << 62,
        "heap": heap(["\0", ""], collections=(1, 2, 3)),
    },
)


def test_every_page_and_answer_of_a_group_with_odd_reports_is_given(rules):
    client, found = rules
    asked = 0
    for rule in found:
        if "GET" not in rule.methods or rule.arguments != {"name"} or "groups" not in rule.rule:
            continue
        asked += 1
        path = rule.rule.replace("<name>", "shop")
        for query in ("", "?from=-1h&groupBy=thread", "?label=instance%3Di&value=cpu", "?from=1&to=2"):
            answer = client.get(path + query)
            assert answer.status_code < 500, (path + query, answer.data)
            answer.data.decode("utf-8")
    assert asked >= 15
    assert client.get("/api/groups/shop/heap").json
    page = client.get("/groups/shop/heap").text
    assert "dict" in page
    assert "?x" in page


@given(st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_request_is_a_mistake_of_the_collector(rules, data):
    client, found = rules
    rule = data.draw(st.sampled_from(found))
    method = data.draw(st.sampled_from(sorted(rule.methods - {"OPTIONS"}) or ["GET"]))
    path = rule.rule
    for name in rule.arguments:
        text = data.draw(
            st.sampled_from(["shop", "x" * 300, "..", "a%00b", "agentPermissions", "ü", "pb.gz"])
        )
        for form in (f"<{name}>", f"<path:{name}>"):
            path = path.replace(form, text)
    query = data.draw(st.dictionaries(st.sampled_from(PARAMETERS), TEXTS, max_size=4))
    document = data.draw(JSON)
    options = {"json": document} if method in ("POST", "PUT") else {}
    answer = client.open(path, method=method, query_string=query, **options)
    assert answer.status_code < 500, (method, path, query, document, answer.data)


@pytest.mark.parametrize("decoder", [aws, kibitz, pprof])
def test_decoders_take_any_bytes(decoder):
    @given(st.binary(max_size=300) | st.text(alphabet=string.printable, max_size=300).map(str.encode))
    @settings(max_examples=200, deadline=None)
    def decode(body):
        with suppress(IngestError):
            decoder.decode(body)

    decode()
