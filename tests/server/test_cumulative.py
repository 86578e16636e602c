"""Go's counters since the process started: what is kept is what the period added."""

from __future__ import annotations

import io
import json
import time

import pytest

from kibitz_agent.exporters import pprof as written
from kibitz_agent.profile import Frame, Header, ProfileBuilder, ValueType
from kibitz_server.ingest import IngestError, cumulative

ALLOCATED = ValueType("alloc_objects", "count")
IN_USE = ValueType("inuse_objects", "count")


def profile(rows, types=(ALLOCATED, IN_USE)):
    builder = ProfileBuilder(types)
    for name, values in rows.items():
        builder.add_stack([Frame("main"), Frame(name)], values)
    return builder.build(Header())


def rows(found):
    return {frames[-1].name: values for frames, _, values in found.stacks()}


def test_difference_is_what_the_period_added():
    before = profile({"a": (10, 4), "gone": (5, 1), "same": (3, 0)})
    after = profile({"a": (17, 2), "new": (1, 1), "same": (3, 0), "gone": (5, 0)})
    assert rows(cumulative.since(after, before, {"alloc_objects"})) == {"a": (7, 2), "new": (1, 1)}


def test_process_that_began_anew_has_nothing_negative():
    assert rows(cumulative.since(profile({"a": (2, 1)}), profile({"a": (9, 1)}), {"alloc_objects"})) == {
        "a": (0, 1)
    }


def test_lines_within_a_function_are_kept_apart():
    def lines(counts):
        builder = ProfileBuilder((ALLOCATED,))
        for line, count in counts.items():
            builder.add(builder.node(-1, builder.frame("main"), line), [count])
        return builder.build(Header())

    found = cumulative.since(lines({3: 9, 4: 5}), lines({3: 2, 4: 5}), {"alloc_objects"})
    assert [(found.node_line[node], found.values[0][at]) for at, node in enumerate(found.sample_node)] == [
        (3, 7)
    ]


def test_profiles_of_other_types_are_no_pair():
    with pytest.raises(IngestError, match="sample types"):
        cumulative.since(profile({"a": (1, 1)}), profile({"a": (1,)}, (ALLOCATED,)), {"alloc_objects"})


def functions(client, value):
    found = client.get(f"/api/groups/go_app/functions?value={value}").json
    return {one["name"]: one["self"] for one in found["functions"] if one["self"]}


def push(client, *, now, current, previous=None, config=None):
    form = {"profile": (io.BytesIO(written.encode(current)), "profile.pprof")}
    if previous is not None:
        form["prev_profile"] = (io.BytesIO(written.encode(previous)), "profile.pprof")
    if config is not None:
        form["sample_type_config"] = (io.BytesIO(config), "sample_type_config.json")
    asked = {"name": "go.app", "from": now - 10, "until": now, "spyName": "gospy", "sampleRate": 100}
    return client.post("/ingest", query_string=asked, data=form)


def test_gos_client_pushes_the_profile_and_the_one_before(client):
    now, before, after = int(time.time()), profile({"a": (10, 4)}), profile({"a": (17, 2)})
    assert push(client, now=now, current=after, previous=before).status_code == 200
    assert functions(client, "alloc_objects") == {"a": 7}
    assert functions(client, "inuse_objects") == {"a": 2}


def test_what_the_config_says_is_cumulative_counts_only_with_the_profile_before(client):
    config = json.dumps(
        {
            "alloc_objects": {"units": "objects", "cumulative": True},
            "inuse_objects": {"aggregation": "average"},
        }
    ).encode()
    now, before, after = int(time.time()), profile({"a": (10, 4)}), profile({"a": (17, 2)})
    assert push(client, now=now - 20, current=before, config=config).status_code == 200
    assert push(client, now=now, current=after, previous=before, config=config).status_code == 200
    assert functions(client, "alloc_objects") == {"a": 7}
    assert functions(client, "inuse_objects") == {"a": 6}


def test_first_profile_of_nothing_but_counters_is_accepted_and_not_counted(client):
    config = b'{"alloc_objects": {"cumulative": true}}'
    only = profile({"a": (10,)}, (ALLOCATED,))
    assert push(client, now=int(time.time()), current=only, config=config).status_code == 200
    assert client.get("/api/groups").json["groups"] == []


@pytest.mark.parametrize("config", [b"nonsense", b"[]", b'{"a": 1}', b"[" * 60_000])
def test_config_that_is_none_is_refused(client, config):
    answer = push(client, now=int(time.time()), current=profile({"a": (1, 1)}), config=config)
    assert answer.status_code == 400
    assert "sample_type_config" in answer.json["message"]


def test_cpu_and_memory_of_one_program_stand_side_by_side(client):
    now = int(time.time())
    cpu = profile({"spin": (3, 30_000_000)}, (ValueType("samples", "count"), ValueType("cpu", "nanoseconds")))
    assert push(client, now=now, current=cpu).status_code == 200
    assert push(client, now=now, current=profile({"a": (7, 2)})).status_code == 200
    assert functions(client, "cpu") == {"spin": 30_000_000}
    assert functions(client, "alloc_objects") == {"a": 7}
