"""speedscope's files are read, whoever wrote them; what is none is refused with a reason."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kibitz_agent.exporters import speedscope as written
from kibitz_agent.profile import Frame, Header, ProfileBuilder
from kibitz_server.ingest import IngestError, speedscope

FRAMES = [{"name": "main", "file": "a.py", "line": 3}, {"name": "work"}]


def file(*profiles, frames=FRAMES):
    return json.dumps({"shared": {"frames": frames}, "profiles": profiles}).encode()


def sampled(samples=((0, 1), (0,)), weights=(2, 1), **changed):
    return {"type": "sampled", "name": "t", "unit": "none", "samples": samples, "weights": weights, **changed}


def evented(events, **changed):
    made = [{"type": kind, "frame": frame, "at": at} for kind, frame, at in events]
    return {
        "type": "evented",
        "name": "t",
        "unit": "seconds",
        "startValue": 0,
        "endValue": 9,
        "events": made,
        **changed,
    }


def rows(profile):
    return {
        (";".join(frame.name for frame in frames), labels): values
        for frames, labels, values in profile.stacks()
    }


def names(profile):
    return [kind.name for kind in profile.value_types]


def test_what_kibitz_writes_is_read_again():
    builder = ProfileBuilder()
    builder.add_stack([Frame("main", "a.py", 3), Frame("work", "b.py", 9)], (3, 30_000_000, 20_000_000))
    builder.add_stack([Frame("main", "a.py", 3)], (1, 10_000_000, 0))
    profile = speedscope.decode(written.encode(builder.build(Header(group="shop"))))
    assert names(profile) == ["samples", "wall", "cpu"]
    assert rows(profile) == {
        ("main;work", ()): (3, 30_000_000, 20_000_000),
        ("main", ()): (1, 10_000_000, 0),
    }
    assert profile.frame(0) == Frame("main", "a.py", 3)


def test_threads_of_a_file_become_labels():
    profile = speedscope.decode(
        file(
            sampled(unit="seconds", weights=[0.25, 0.5], name="Thread 1"),
            sampled(unit="milliseconds", weights=[10, 0], name="Thread 2"),
        )
    )
    one, two = (("thread", "Thread 1"),), (("thread", "Thread 2"),)
    assert names(profile) == ["samples", "wall"]
    assert rows(profile) == {
        ("main;work", one): (1, 250_000_000),
        ("main", one): (1, 500_000_000),
        ("main;work", two): (1, 10_000_000),
    }


def test_frames_opened_and_closed_become_the_time_between():
    events = [("O", 0, 1), ("O", 1, 2), ("C", 1, 5), ("O", 1, 5), ("C", 1, 5.5), ("C", 0, 9)]
    profile = speedscope.decode(file(evented(events)))
    assert names(profile) == ["wall"]
    assert rows(profile) == {("main;work", ()): (3_500_000_000,), ("main", ()): (4_500_000_000,)}


def test_weights_in_bytes_are_space():
    profile = speedscope.decode(file(sampled(unit="bytes", weights=[4096, 1])))
    assert names(profile) == ["space"]
    assert rows(profile)["main;work", ()] == (4096,)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"nonsense", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "object"),
        (b"{}", "shared"),
        (file(), "0 profiles"),
        (file(sampled(unit="hours")), "unit"),
        (file(sampled(type="odd")), "type"),
        (file(sampled(weights=[1])), "2 samples and 1 weights"),
        (file(sampled(samples=[[0, 2], [0]])), "frame 2 of 2"),
        (file(sampled(samples=[[-1], [0]])), "frame -1 of 2"),
        (file(sampled(samples=[[True], [0]])), "frame True"),
        (file(sampled(weights=["1", 1])), "no number"),
        (file(sampled(weights=[-1, 1])), "-1"),
        (file(sampled(weights=[float("nan"), 1])), "nan"),
        (file(sampled(weights=[1e300, 1])), "1e\\+300"),
        (file(evented([("O", 0, 2), ("C", 0, 1)])), "earlier"),
        (file(evented([("C", 0, 1)])), "closes another"),
        (file(evented([("O", 0, 1), ("C", 1, 2)])), "closes another"),
        (file(evented([("O", 7, 1), ("C", 7, 2)])), "frame 7 of 2"),
        (file(sampled(), frames=[{"name": 3}]), "texts"),
        (file(sampled(), frames=[{"name": "a", "line": 1 << 40}]), "line"),
    ],
)
def test_file_that_is_none_is_refused_with_a_reason(body, message):
    with pytest.raises(IngestError, match=message):
        speedscope.decode(body)


def test_half_characters_in_names_do_not_reach_the_store():
    profile = speedscope.decode(
        file(sampled(), sampled(name="\ud800x"), frames=[{"name": "\udc80a"}, {"name": ""}])
    )
    assert {name for name, _ in rows(profile)} == {"?a", "?a;?"}
    assert {dict(labels)["thread"] for _, labels in rows(profile)} == {"t", "?x"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "at", "frame", "type"]), inner)
    ),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from(["type", "unit", "samples", "weights", "events", "startValue"]), JSON),
    JSON,
)
@settings(max_examples=300, deadline=None)
def test_any_document_is_read_or_refused(changes, frame):
    body = file({**sampled(), **changes}, frames=[*FRAMES, frame])
    try:
        profile = speedscope.decode(body)
    except IngestError:
        return
    assert all(value >= 0 for column in profile.values for value in column)
