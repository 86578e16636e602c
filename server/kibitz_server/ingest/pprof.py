"""pprof: gzip'd protocol buffers, what Go, Rust, Node, Java and many Python profilers write.

The format is that of github.com/google/pprof, proto/profile.proto. Locations are listed leaf first; an inlined
function comes before its caller within a location.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from kibitz_agent.profile import NO_PARENT, Header, Profile, ProfileBuilder, ValueType
from kibitz_server.ingest import MAX_BODY_BYTES, IngestError, TooLargeError, built, inflate
from kibitz_server.ingest.protobuf import fields, integers, signed

CONTENT_TYPES = (
    "application/x-gzip-pprof",
    "application/x-protobuf",
    "application/protobuf",
    "application/vnd.google.protobuf",
    "application/vnd.google.protobuf+gzip",
)

_MAX_SAMPLES = 1_000_000
_MAX_NODES = 2_000_000
_MAX_TYPES = 16
_NO_STACK = "(no stack)"


@dataclass(slots=True)
class _Message:
    """A pprof message taken apart; strings are still indices."""

    strings: list[str] = field(default_factory=list)
    types: list[tuple[int, int]] = field(default_factory=list)
    samples: list[tuple[list[int], list[int], list[tuple[int, int]]]] = field(default_factory=list)
    locations: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    places: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Of each location its address and its mapping."""
    mappings: dict[int, int] = field(default_factory=dict)
    """Of each mapping its file."""
    functions: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    time_ns: int = 0
    duration_ns: int = 0
    period: int = 0

    def text(self, index: int) -> str:
        if (
            not index and not self.strings
        ):  # the empty string comes first, and some leave it out where it is all
            return ""
        if index >= len(self.strings):
            raise IngestError(f"pprof: string {index} is out of range, the table has {len(self.strings)}")
        return self.strings[index]


def decode(body: bytes) -> Profile:
    """A pprof profile; every sample type becomes a value type, string labels become labels."""
    body = inflate(body)
    if len(body) > MAX_BODY_BYTES:
        raise TooLargeError(f"{len(body)} bytes, at most {MAX_BODY_BYTES} are accepted")
    message = _read(memoryview(body))
    if not message.types or len(message.types) > _MAX_TYPES:
        raise IngestError(f"pprof: {len(message.types)} sample types, expected 1 to {_MAX_TYPES}")
    return _fold(message)


def _read(body: memoryview) -> _Message:
    message = _Message()
    for number, wire_type, value in fields(body):
        if isinstance(value, int):
            _read_number(message, number, value)
        elif number == 1:
            kind = _numbers(value)
            message.types.append((kind[1], kind[2]))
        elif number == 2:
            message.samples.append(_read_sample(value))
            if len(message.samples) > _MAX_SAMPLES:
                raise TooLargeError(f"pprof: more than {_MAX_SAMPLES} samples")
        elif number == 3:
            mapping = _numbers(value)
            message.mappings[mapping[1]] = mapping[5]
        elif number == 4:
            _read_location(message, value)
        elif number == 5:
            function = _numbers(value)
            message.functions[function[1]] = (function[2] or function[3], function[4], function[5])
        elif number == 6:
            message.strings.append(_utf8(value))
        del wire_type
    return message


def _read_number(message: _Message, number: int, value: int) -> None:
    if number == 9:
        message.time_ns = signed(value)
    elif number == 10:
        message.duration_ns = signed(value)
    elif number == 12:
        message.period = signed(value)


def _numbers(message: memoryview) -> defaultdict[int, int]:
    """A flat message's integer fields by number; absent ones are 0."""
    found: defaultdict[int, int] = defaultdict(int)
    for number, _, value in fields(message):
        if isinstance(value, int):
            found[number] = value
    return found


def _read_sample(message: memoryview) -> tuple[list[int], list[int], list[tuple[int, int]]]:
    locations: list[int] = []
    values: list[int] = []
    labels: list[tuple[int, int]] = []
    for number, wire_type, value in fields(message):
        if number == 1:
            locations += integers(wire_type, value)
        elif number == 2:
            values += map(signed, integers(wire_type, value))
        elif number == 3 and not isinstance(value, int):
            label = _numbers(value)
            if label[2]:
                labels.append((label[1], label[2]))
    return locations, values, labels


def _read_location(message: _Message, raw: memoryview) -> None:
    identity = address = mapping = 0
    lines: list[tuple[int, int]] = []
    for number, _, value in fields(raw):
        if number == 1 and isinstance(value, int):
            identity = value
        elif number == 2 and isinstance(value, int):
            mapping = value
        elif number == 3 and isinstance(value, int):
            address = value
        elif number == 4 and not isinstance(value, int):
            line = _numbers(value)
            lines.append((line[1], max(0, signed(line[2])) & 0x7FFFFFFF))
    message.locations[identity], message.places[identity] = lines, (address, mapping)


def _utf8(raw: memoryview) -> str:
    return str(raw, "utf-8", "replace")


def _fold(message: _Message) -> Profile:
    builder = ProfileBuilder(
        tuple(ValueType(message.text(kind), message.text(unit)) for kind, unit in message.types)
    )
    frames: dict[int, list[tuple[int, int]]] = {}
    for locations, values, labels in message.samples:
        if len(values) != len(message.types):
            raise IngestError(f"pprof: a sample has {len(values)} values for {len(message.types)} types")
        if any(not -(1 << 62) < value < 1 << 62 for value in values):
            raise IngestError("pprof: a sample's value is beyond 62 bits")
        node = _node(message, builder, frames, locations)
        if node == NO_PARENT:  # its values are part of the whole all the same
            node = builder.node(NO_PARENT, builder.frame(_NO_STACK), 0)
        pairs = {message.text(key)[:256]: message.text(text)[:1024] for key, text in labels}
        builder.add(node, values, builder.label_set(pairs))
    return built(builder, _header(message))


def _header(message: _Message) -> Header:
    start_ns = message.time_ns if 0 <= message.time_ns < 1 << 62 else 0
    return Header(
        start_ns=start_ns,
        end_ns=start_ns + max(0, min(message.duration_ns, 1 << 60)),
        interval_ns=max(0, message.period),
        sampler="pprof",
    )


def _node(
    message: _Message,
    builder: ProfileBuilder,
    frames: dict[int, list[tuple[int, int]]],
    locations: Sequence[int],
) -> int:
    node = NO_PARENT
    for location in reversed(locations):
        if location not in frames:
            frames[location] = _frames(message, builder, location)
        for frame, line in frames[location]:
            node = builder.node(node, frame, line)
    if builder.node_count > _MAX_NODES:
        raise TooLargeError(f"pprof: more than {_MAX_NODES} nodes in the call tree")
    return node


def _frames(message: _Message, builder: ProfileBuilder, location: int) -> list[tuple[int, int]]:
    """(frame, line) of a location, the caller first; an unresolved one is named by its address, in its mapping's file."""
    if location not in message.locations:
        raise IngestError(f"pprof: location {location} is not in the profile")
    found = []
    for function, line in reversed(message.locations[location]):
        if function and function not in message.functions:
            raise IngestError(f"pprof: function {function} is not in the profile")
        name, file, start = message.functions.get(function, (0, 0, 0))
        called = message.text(name) if function else ""
        first = max(0, signed(start)) & 0x7FFFFFFF
        frame = builder.frame(called, message.text(file), first) if called else None
        found.append((_unresolved(message, builder, location) if frame is None else frame, line))
    return found or [(_unresolved(message, builder, location), 0)]


def _unresolved(message: _Message, builder: ProfileBuilder, location: int) -> int:
    address, mapping = message.places[location]
    return builder.frame(f"{address:#x}", message.text(message.mappings.get(mapping, 0)))
