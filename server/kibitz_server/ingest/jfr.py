"""JDK Flight Recorder's recordings: where a Java program's threads were, what it allocated, what it waited for.

async-profiler writes the same events as the JDK; a recording of its wall clock says so in a setting, and then its
samples are of sleeping threads too. Samples of threads become time by the recording's own period.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from kibitz_agent.profile import (
    CPU,
    NO_PARENT,
    RUNNING,
    SAMPLES,
    THREAD_NAME,
    THREAD_STATE,
    WAITING,
    WALL,
    Header,
    Labels,
    Profile,
    ProfileBuilder,
    ValueType,
)
from kibitz_server.ingest import MAX_BODY_BYTES, IngestError, TooLargeError, built, inflate
from kibitz_server.ingest.flight_recording import Chunk, Event, events
from kibitz_server.ingest.protobuf import fields
from kibitz_server.ingest.recording_values import Value

ALLOCATIONS = ValueType("alloc_objects", "count")
ALLOCATED = ValueType("alloc_space", "bytes")
CONTENTIONS = ValueType("contentions", "count")
DELAY = ValueType("delay", "nanoseconds")
LIVE = ValueType("inuse_objects", "count")
_ORDER = (SAMPLES, CPU, WALL, ALLOCATIONS, ALLOCATED, CONTENTIONS, DELAY, LIVE)

_RUNNING, _NATIVE, _WALL_CLOCK = "jdk.ExecutionSample", "jdk.NativeMethodSample", "profiler.WallClockSample"
_SETTING = "jdk.ActiveSetting"
_ALLOCATIONS: Mapping[str, str] = {
    "jdk.ObjectAllocationSample": "weight",
    "jdk.ObjectAllocationInNewTLAB": "tlabSize",
    "jdk.ObjectAllocationOutsideTLAB": "allocationSize",
    "profiler.Malloc": "size",
}
_WAITS = ("jdk.JavaMonitorEnter", "jdk.ThreadPark")
_LIVE = "profiler.LiveObject"
_WANTED = frozenset((_RUNNING, _NATIVE, _WALL_CLOCK, _SETTING, *_ALLOCATIONS, *_WAITS, _LIVE))

_RUNNABLE = ("STATE_RUNNABLE", "STATE_DEFAULT", "")
_PERIOD = re.compile(r"(\d{1,12}) ?(ns|us|ms|s)")
_UNITS_NS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
_MOST_COUNT = 1 << 40
_LONGEST_LABEL = 1024
_DEFAULT_PERIOD_NS = 10_000_000

# What the virtual machine generates is numbered anew in every process: one function under one name.
_GENERATED = (
    (re.compile(r"(\$\$Lambda)[$/].*"), r"\1"),
    (re.compile(r"(Generated\w*Accessor|\$Proxy)\d+"), r"\1"),
    (re.compile(r"(LambdaForm\$\w+)/.*"), r"\1"),
    (re.compile(r"[/+.]0x[0-9a-f]{8,16}"), ""),
)


@dataclass(slots=True)
class _Recording:
    """What was read so far: of each stack and label set the values by their type."""

    contexts: Mapping[int, Labels]
    sums: dict[tuple[int, int], dict[ValueType, int]] = field(default_factory=dict)
    builder: ProfileBuilder = field(default_factory=ProfileBuilder)
    nodes: dict[tuple[int, int], int] = field(default_factory=dict)
    periods_ns: dict[str, int] = field(default_factory=dict)
    wall: bool = False

    def add(self, event: Event, values: Mapping[ValueType, int], labels: Mapping[str, str]) -> None:
        """Add to the values of the event's stack."""
        given = {**labels, **dict(self.contexts.get(event.number("contextId"), ()))}
        held = self.sums.setdefault((self._node(event), self.builder.label_set(given)), {})
        for kind, value in values.items():
            held[kind] = held.get(kind, 0) + min(max(0, value), _MOST_COUNT * 1_000)

    def _node(self, event: Event) -> int:
        key = (id(event.chunk), event.number("stackTrace"))
        found = self.nodes.get(key)
        if found is None:
            found = NO_PARENT
            for name, line in _stack(event.chunk, key[1]):
                found = self.builder.node(found, self.builder.frame(name), line)
            self.nodes[key] = found
        return found


def decode(body: bytes, sample_rate_hz: int = 0, labels: bytes = b"") -> Profile:
    """A recording's profile. ``sample_rate_hz``: of its samples of threads; 0: the recording knows.

    ``labels``: what the numbers of its events' contexts mean, as async-profiler's users of Pyroscope send it beside.
    """
    body = inflate(body)
    if len(body) > MAX_BODY_BYTES:
        raise TooLargeError(f"{len(body)} bytes, at most {MAX_BODY_BYTES} are accepted")
    recording = _Recording(_contexts(inflate(labels)))
    samples: list[tuple[Event, str]] = []
    chunks: list[Chunk] = []  # kept, so that no other takes the place and with it the name of one
    for event in events(body, _WANTED):
        if not chunks or chunks[-1] is not event.chunk:
            chunks.append(event.chunk)
        _read(recording, samples, event)
    # A recording of running threads alone says nothing of the clock on the wall.
    recording.wall |= any(event.name != _RUNNING for event, _ in samples)
    for event, state in samples:
        _add_sample(recording, event, state, sample_rate_hz)
    return _profile(recording, min((chunk.start_ns for chunk in chunks), default=0))


def _read(recording: _Recording, samples: list[tuple[Event, str]], event: Event) -> None:
    name = event.name
    if name == _SETTING:
        _read_setting(recording, event)
    elif name in (_RUNNING, _NATIVE, _WALL_CLOCK):
        # Their periods may be told later.
        samples.append(
            (
                event,
                event.chunk.text(
                    event.chunk.constant("jdk.types.ThreadState", event.fields.get("state")).get("name")
                ),
            )
        )
    elif name in _ALLOCATIONS:
        recording.add(event, {ALLOCATIONS: 1, ALLOCATED: event.number(_ALLOCATIONS[name])}, _thread(event))
    elif name in _WAITS:
        waited_ns = event.chunk.nanoseconds(event.number("duration"))
        recording.add(event, {CONTENTIONS: 1, DELAY: waited_ns}, _thread(event))
    else:
        recording.add(event, {LIVE: 1}, _thread(event))


def _read_setting(recording: _Recording, event: Event) -> None:
    setting, value = event.text("name"), event.text("value")
    if setting == "event" and value == "wall":
        recording.wall = True
    kind = event.chunk.kinds.get(event.number("id"))
    match = _PERIOD.fullmatch(value)
    if setting == "period" and kind is not None and match is not None:
        recording.periods_ns[kind.name] = int(match[1]) * _UNITS_NS[match[2]]


def _add_sample(recording: _Recording, event: Event, state: str, rate_hz: int) -> None:
    """A thread that was seen: on the CPU where it ran Java code, waiting where a wall clock found it asleep."""
    period_ns = (
        1_000_000_000 // rate_hz if rate_hz else recording.periods_ns.get(event.name) or _DEFAULT_PERIOD_NS
    )
    count = max(1, min(event.number("samples"), _MOST_COUNT)) if event.name == _WALL_CLOCK else 1
    runs = state in _RUNNABLE and event.name != _NATIVE
    values = {SAMPLES: count}
    if runs:
        values[CPU] = count * period_ns
    if recording.wall:
        values[WALL] = count * period_ns
    # A thread in native code may compute or wait: the recording does not know.
    known = {} if event.name == _NATIVE else {THREAD_STATE: RUNNING if runs else WAITING}
    recording.add(event, values, {**_thread(event), **known})


def _profile(recording: _Recording, start_ns: int) -> Profile:
    present = {kind for values in recording.sums.values() for kind in values}
    if not present:
        raise IngestError("jfr: no sample of a thread, allocation or lock in the recording")
    recording.builder.value_types = kinds = tuple(kind for kind in _ORDER if kind in present)
    for (node, label_set), values in recording.sums.items():
        if node == NO_PARENT:
            node = recording.builder.node(NO_PARENT, recording.builder.frame("(no stack)"))
        recording.builder.add(node, [values.get(kind, 0) for kind in kinds], label_set)
    start_ns = start_ns if 0 <= start_ns < 1 << 62 else 0
    return built(recording.builder, Header(start_ns=start_ns, end_ns=start_ns, sampler="jfr"))


def _thread(event: Event) -> dict[str, str]:
    number = event.fields.get("sampledThread", event.fields.get("eventThread"))
    thread = event.chunk.constant("java.lang.Thread", number)
    name = event.chunk.text(thread.get("javaName")) or event.chunk.text(thread.get("osName"))
    return {THREAD_NAME: name[:_LONGEST_LABEL]} if name else {}


def _stack(chunk: Chunk, number: int) -> Iterator[tuple[str, int]]:
    """(function, line) of a stack, the root first."""
    trace = chunk.constant("jdk.types.StackTrace", number)
    if trace.get("truncated"):
        yield "(truncated)", 0
    frames = trace.get("frames")
    for values in reversed(frames if isinstance(frames, list) else []):
        frame = chunk.named("jdk.types.StackFrame", values)
        line = frame.get("lineNumber", 0)
        yield (
            _function(chunk, frame.get("method")),
            line if isinstance(line, int) and 0 <= line < 1 << 31 else 0,
        )


def _function(chunk: Chunk, number: Value) -> str:
    method = chunk.constant("jdk.types.Method", number)
    name = _symbol(chunk, method.get("name"))
    owner = chunk.constant("java.lang.Class", method.get("type"))
    full = ".".join(filter(None, (_symbol(chunk, owner.get("name")).replace("/", "."), name)))
    return full or "(unknown)"


def _symbol(chunk: Chunk, number: Value) -> str:
    text = chunk.text(chunk.constant("jdk.types.Symbol", number).get("string"))
    for pattern, plain in _GENERATED:
        text = pattern.sub(plain, text)
    return text


def _contexts(message: bytes) -> dict[int, Labels]:
    """The labels of each context's number: a map of contexts (1) of pairs of string numbers (1), and the strings (2)."""
    strings: dict[int, str] = {}
    pairs: dict[int, list[tuple[int, int]]] = {}
    for number, _, part in fields(memoryview(message)):
        if isinstance(part, int):
            continue
        key, value = _entry(part)
        if number == 1 and isinstance(value, memoryview):
            inner = [_entry(one) for _, _, one in fields(value) if isinstance(one, memoryview)]
            pairs[key] = [(name, text) for name, text in inner if isinstance(text, int)]
        elif number == 2 and isinstance(value, memoryview):
            strings[key] = str(value[:_LONGEST_LABEL], "utf-8", "replace")
    return {
        context: tuple(
            (strings[name], strings[text]) for name, text in of if name in strings and text in strings
        )
        for context, of in pairs.items()
    }


def _entry(part: memoryview) -> tuple[int, int | memoryview]:
    """A map's entry: its key, a number, and its value; the value 0 where it is left out."""
    found = {number: value for number, _, value in fields(part)}
    key = found.get(1, 0)
    return key if isinstance(key, int) else 0, found.get(2, 0)
