"""Answers are compressed for those who ask, and say the same."""

from __future__ import annotations

import gzip
import time

import pytest

from kibitz_server.compression import LEAST_BYTES

GZIP = {"Accept-Encoding": "br, gzip"}


@pytest.fixture
def filled(client, store, make):
    now_ns = time.time_ns()
    stacks = {f"m:main;m:f{number};m:g{number % 7}": number + 1 for number in range(200)}
    store.add("shop", make(stacks, start_ns=now_ns - 10**9, end_ns=now_ns), "t", "test")
    return client


@pytest.mark.parametrize(
    "path", ["/", "/api/groups/shop/flamegraph?from=-1h", "/static/flamegraph/flamegraph.js", "/groups/shop"]
)
def test_long_answer_is_smaller_and_says_the_same(filled, path):
    plain, small = filled.get(path), filled.get(path, headers=GZIP)
    assert "Content-Encoding" not in plain.headers
    assert "Accept-Encoding" in plain.headers["Vary"]
    assert small.headers["Content-Encoding"] == "gzip"
    assert len(small.data) < len(plain.data)
    assert int(small.headers["Content-Length"]) == len(small.data)
    shorter = gzip.decompress(small.data)
    if "from=-1h" not in path:  # its times move on
        assert shorter == plain.data


def test_short_answer_and_answers_to_changes_stay_as_they_are(filled):
    assert len(filled.get("/healthz").data) < LEAST_BYTES
    assert "Content-Encoding" not in filled.get("/healthz", headers=GZIP).headers
    changed = filled.put("/api/groups/shop/settings", json={"period_s": 300}, headers=GZIP)
    assert changed.status_code == 200
    assert "Content-Encoding" not in changed.headers


def test_client_that_refuses_gzip_gets_none(filled):
    refused = {"Accept-Encoding": "gzip;q=0, identity"}
    assert "Content-Encoding" not in filled.get("/", headers=refused).headers


def test_packed_flame_graph_holds_the_same_samples_in_fewer_bytes(filled):
    plain = filled.get("/api/groups/shop/flamegraph?value=samples")
    packed = filled.get("/api/groups/shop/flamegraph?value=samples&packed=1")
    assert packed.json["version"] == 2
    assert packed.json["values"][0]["sum"] == sum(plain.json["values"][0]["self"])
    assert len(packed.data) < len(plain.data)
    assert filled.get("/api/groups/shop/flamegraph?packed=yes").status_code == 400
