"""Every address of the collector, asked by every method with anything at all: refused or answered, never a mistake."""

from __future__ import annotations

import string
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kibitz_server.app import create_app
from kibitz_server.config import Config
from kibitz_server.ingest import IngestError, aws, kibitz, pprof

PARAMETERS = (
    "from", "to", "value", "maxNodes", "limit", "startTime", "endTime", "period", "maxDepth", "maxResults",
    "nextToken", "orderBy", "profileToken", "clientToken", "targetResolution", "locale", "revisionId", "tagKeys",
)  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["PT5M", "P1D", "2026-11-22T20:00:00Z", "9999-12-31T23:59:59Z", "-1h", "0", "1e308", "true"]
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
def rules(store, tmp_path):
    app = create_app(store, Config(data=tmp_path))
    found = [rule for rule in app.url_map.iter_rules() if rule.methods]
    return app.test_client(), found


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
