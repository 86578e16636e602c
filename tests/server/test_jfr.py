"""Flight recordings of a real JDK are read, those of async-profiler as it writes them, and hostile ones refused."""

from __future__ import annotations

import gzip
import io
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.server.recordings import KINDS, SAMPLE, SLEEPING, Recording

from kibitz_server.ingest import IngestError, TooLargeError, jfr
from kibitz_server.ingest.flight_recording import MAGIC

RECORDED = Path(__file__).parent.parent / "targets" / "recordings" / "shop.jfr.gz"


def by_leaf(profile, kind):
    """Sums of one type's values by the innermost function."""
    sums: dict[str, int] = {}
    column = profile.values[profile.value_index(kind)]
    for (frames, _, _), value in zip(profile.stacks(), column, strict=True):
        sums[frames[-1].name] = sums.get(frames[-1].name, 0) + value
    return {name: value for name, value in sums.items() if value}


def labels_of(profile):
    return {labels for _, labels, _ in profile.stacks()}


def test_recording_of_a_jdk_says_where_its_threads_were():
    # By JDK 17: java -XX:StartFlightRecording=filename=shop.jfr,settings=shop.jfc Shop.java
    profile = jfr.decode(RECORDED.read_bytes())
    assert by_leaf(profile, "cpu")["Shop.price"] == 110_000_000
    assert by_leaf(profile, "samples")["sun.nio.ch.Net.poll"] == 75
    assert by_leaf(profile, "wall")["sun.nio.ch.Net.poll"] == 75 * 20_000_000
    assert by_leaf(profile, "alloc_objects") == {"Shop.basket": 349}
    assert by_leaf(profile, "alloc_space")["Shop.basket"] > 349 * 8_000_000
    waited = by_leaf(profile, "delay")
    assert 1.4e9 < waited["Shop.checkout"] < 1.6e9
    assert 1.4e9 < waited["jdk.internal.misc.Unsafe.park"] < 1.6e9
    threads = {dict(labels).get("thread") for labels in labels_of(profile)}
    assert {"main", "customer-1", "customer-2", "door"} <= threads
    stack = next(frames for frames, _, _ in profile.stacks() if frames[-1].name == "Shop.checkout")
    assert [frame.name for frame in stack] == [
        "java.lang.Thread.run",
        "Shop$$Lambda.run",
        "Shop.lambda$main$0",
        "Shop.checkout",
    ]
    assert profile.header.start_ns // 10**9 == 1_795_465_261


@pytest.mark.parametrize("compressed", [True, False])
def test_recording_of_a_wall_clock_has_the_sleeping_threads_too(compressed):
    recording = Recording(compressed)
    busy, idle = (
        recording.stack("app/Main.main", "app/Work.spin"),
        recording.stack("app/Main.main", "app/Work.wait"),
    )
    recording.setting("event", "wall")
    recording.setting("period", "20 ms")
    for _ in range(3):
        recording.sample(busy)
    recording.sample(idle, SLEEPING)
    recording.wall_sample(idle, 5)
    profile = jfr.decode(gzip.compress(recording.build()), 100)
    assert by_leaf(profile, "wall") == {"app.Work.spin": 30_000_000, "app.Work.wait": 60_000_000}
    assert by_leaf(profile, "cpu") == {"app.Work.spin": 30_000_000}
    assert by_leaf(profile, "samples") == {"app.Work.spin": 3, "app.Work.wait": 6}
    assert labels_of(profile) == {
        (("state", "running"), ("thread", "worker")),
        (("state", "waiting"), ("thread", "worker")),
    }
    told = jfr.decode(recording.build())
    assert by_leaf(told, "wall")["app.Work.spin"] == 60_000_000  # by the recording's own period


def test_recording_of_cpu_time_says_nothing_of_the_wall_clock():
    recording = Recording()
    recording.sample(recording.stack("app/Main.main"))
    profile = jfr.decode(recording.build())
    assert [kind.name for kind in profile.value_types] == ["samples", "cpu"]
    assert by_leaf(profile, "cpu") == {"app.Main.main": 10_000_000}


def test_generated_functions_have_one_name_in_every_process():
    recording = Recording()
    for name in (
        "app/Main$$Lambda$14/0x00000008000b3c48.run",
        "app/Main$$Lambda/0x0000000800bb3c48.run",
        "jdk/internal/reflect/GeneratedMethodAccessor31.invoke",
        "jdk/internal/reflect/GeneratedMethodAccessor7.invoke",
        "com/sun/proxy/$Proxy12.call",
        "app/Rows+0x0000000800c03c48.get",
    ):
        recording.sample(recording.stack(name))
    assert by_leaf(jfr.decode(recording.build()), "samples") == {
        "app.Main$$Lambda.run": 2,
        "jdk.internal.reflect.GeneratedMethodAccessor.invoke": 2,
        "com.sun.proxy.$Proxy.call": 1,
        "app.Rows.get": 1,
    }


def proto(number, value):
    """A field of a protocol buffer: a small number or a message."""
    if isinstance(value, int):
        return bytes([number << 3, value])
    return bytes([number << 3 | 2, len(value)]) + value


def test_contexts_become_labels():
    recording = Recording()
    stack = recording.stack("app/Main.main")
    recording.sample(stack, context=3)
    recording.sample(stack, context=9)
    context = proto(1, 3) + proto(2, proto(1, proto(1, 1) + proto(2, 2)))
    strings = proto(2, proto(1, 1) + proto(2, b"endpoint")) + proto(2, proto(1, 2) + proto(2, b"/cart"))
    profile = jfr.decode(recording.build(), labels=proto(1, context) + strings)
    assert sorted(dict(labels).get("endpoint", "-") for labels in labels_of(profile)) == ["-", "/cart"]


def test_chunks_of_a_recording_are_read_one_after_the_other():
    first, second = Recording(), Recording(compressed=False)
    for recording in (first, second):
        recording.sample(recording.stack("app/Main.main", "app/Main.run"))
    profile = jfr.decode(first.build() + second.build())
    assert by_leaf(profile, "samples") == {"app.Main.run": 2}


def test_pyroscopes_java_agent_pushes_a_form(client):
    recording = Recording()
    for _ in range(4):
        recording.sample(recording.stack("app/Main.main", "app/Main.run"))
    now = int(time.time())
    asked = {
        "name": "java.app{env=staging}",
        "units": "samples",
        "aggregationType": "sum",
        "from": now - 10,
        "until": now,
        "spyName": "javaspy",
        "sampleRate": 100,
        "format": "jfr",
    }
    form = {
        "jfr": (_file(gzip.compress(recording.build())), "jfr"),
        "labels": (_file(gzip.compress(b"")), "labels"),
    }
    answer = client.post("/ingest", query_string=asked, data=form)
    assert answer.status_code == 200, answer.data
    found = client.get("/api/groups/java_app/functions?value=cpu").json
    assert {one["name"]: one["self"] for one in found["functions"]} == {
        "app.Main.run": 40_000_000,
        "app.Main.main": 0,
    }
    form = {"jfr": (_file(b""), "jfr")}
    refused = client.post("/ingest", query_string=asked, data=form)
    assert refused.status_code == 400
    assert "jfr" in refused.json["message"]


def _file(content):
    return io.BytesIO(content)


def simple(**changed):
    recording = Recording(**changed)
    recording.sample(recording.stack("app/Main.main"))
    return recording.build()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "no sample"),
        (b"FLR", "truncated"),
        (b"x" * 100, "starts with"),
        (MAGIC + b"\0\1\0\0" + bytes(60), "version 1.0"),
        (simple()[:-1], "truncated"),
        (simple() + b"FLR", "truncated"),
        (Recording().build(), "no sample"),
        (simple(kinds={SAMPLE: KINDS[SAMPLE]}), "not described"),
        (
            simple(kinds={**KINDS, SAMPLE: ("jdk.ExecutionSample", (("loop", SAMPLE, False, False),))}),
            "nested",
        ),
        (
            simple(kinds={**KINDS, SAMPLE: ("jdk.ExecutionSample", (("x", 99, False, False),))}),
            "not described",
        ),
    ],
)
def test_damaged_recording_is_refused_with_a_reason(body, message):
    with pytest.raises(IngestError, match=message):
        jfr.decode(body)


def test_arrays_beyond_the_recording_are_refused():
    recording = Recording()
    recording.sample(recording.stack("app/Main.main"))
    built = bytearray(recording.build())
    at = built.index(
        b"\x01\x00\x01\x01\x07"
    )  # the stack: number 1, not truncated, one frame, its method and line
    built[at + 2 : at + 6] = b"\xff\xff\xff\x7f"
    with pytest.raises(IngestError, match="bytes are left"):
        jfr.decode(bytes(built))


def test_recording_of_too_many_values_is_refused_before_it_is_kept(monkeypatch):
    monkeypatch.setattr(
        "kibitz_server.ingest.recording_values.Budget.__init__", lambda self: setattr(self, "left", 50)
    )
    with pytest.raises(TooLargeError, match="more than"):
        jfr.decode(simple())


@given(st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_change_of_a_recording_is_read_or_refused(data):
    body = bytearray(simple(compressed=data.draw(st.booleans())))
    for at in data.draw(st.lists(st.integers(0, len(body) - 1), min_size=1, max_size=8)):
        body[at] = data.draw(st.integers(0, 255))
    try:
        profile = jfr.decode(bytes(body))
    except IngestError:
        return
    assert all(value >= 0 for column in profile.values for value in column)
