"""JDK Flight Recorder's file format: chunks of events, each chunk with the description of its own types and constants.

A chunk is a header of 68 bytes and events, each a size, a type and fields as the chunk's metadata describes them.
Type 0 is that description, type 1 a checkpoint: constants (stacks, methods, names), to which fields refer by number.
Numbers are big-endian or, with the header's flag, 7 bits a byte, the ninth byte whole. The format is JDK's own
(jdk.jfr.internal in OpenJDK), versions 2.x: what JDK 11 and later and async-profiler write.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from kibitz_server.ingest import IngestError, TooLargeError
from kibitz_server.ingest.recording_values import (
    Budget,
    CompressedReader,
    Field,
    Kind,
    Reader,
    Reference,
    Value,
)

MAGIC = b"FLR\0"
_HEADER = struct.Struct(">4sHHqqqqqqqi")
_COMPRESSED = 1
_METADATA, _CHECKPOINT = 0, 1
_MOST_CHUNKS = 1000
_DEEPEST = 32


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its type's name, its fields by name, and the chunk that its references are looked up in."""

    name: str
    fields: Mapping[str, Value]
    chunk: Chunk

    def text(self, name: str) -> str:
        """A field's text, empty where there is none."""
        return self.chunk.text(self.fields.get(name))

    def number(self, name: str) -> int:
        """A field's whole number, 0 where there is none."""
        value = self.fields.get(name)
        return value if isinstance(value, int) else 0


@dataclass(slots=True)
class Chunk:
    """A chunk's clock, its types by number, and its constants by their type's name and their number."""

    start_ns: int
    ticks_per_s: int
    kinds: Mapping[int, Kind]
    constants: dict[str, dict[int, Value]] = field(default_factory=dict)
    by_name: dict[str, Kind] = field(init=False)

    def __post_init__(self) -> None:
        self.by_name = {kind.name: kind for kind in self.kinds.values()}

    def constant(self, kind: str, number: Value) -> Mapping[str, Value]:
        """The fields of what a reference stands for; none where the recording does not say."""
        if not isinstance(number, int):
            return {}
        return self.named(kind, self.constants.get(kind, {}).get(number))

    def named(self, kind: str, values: Value) -> Mapping[str, Value]:
        """A type's values by its fields' names; none where the recording describes no such type."""
        if not isinstance(values, tuple) or kind not in self.by_name:
            return {}
        return {one.name: value for one, value in zip(self.by_name[kind].fields, values, strict=False)}

    def text(self, value: Value) -> str:
        """A field's text, looked up where it is a reference; empty where there is none."""
        if isinstance(value, Reference):
            value = self.constants.get("java.lang.String", {}).get(int(value))
        return value if isinstance(value, str) else ""

    def nanoseconds(self, ticks: int) -> int:
        """A span of the chunk's clock in nanoseconds."""
        return ticks * 1_000_000_000 // self.ticks_per_s


@dataclass(slots=True)
class _Element:
    """A node of the metadata's tree."""

    name: str
    attributes: dict[str, str]
    children: list[_Element]


def events(body: bytes, wanted: frozenset[str]) -> Iterator[Event]:
    """The recording's events of the wanted types. `IngestError` where it is damaged, before it costs much."""
    at, budget = 0, Budget()
    for _ in range(_MOST_CHUNKS):
        if at == len(body):
            return
        end = at + _size(body, at)
        yield from _chunk_events(body[at:end], wanted, budget)
        at = end
    raise TooLargeError(f"jfr: more than {_MOST_CHUNKS} chunks")


def _size(body: bytes, at: int) -> int:
    if len(body) - at < _HEADER.size:
        raise IngestError(f"jfr: {len(body) - at} bytes where a chunk's header has {_HEADER.size}: truncated")
    magic, major, minor, size = _HEADER.unpack_from(body, at)[:4]
    if magic != MAGIC:
        raise IngestError(f"jfr: a chunk starts with {magic!r}, expected {MAGIC!r}")
    if major != 2:
        raise IngestError(f"jfr: version {major}.{minor}, expected 2.x (JDK 11 and later)")
    if not _HEADER.size <= size <= len(body) - at:
        raise IngestError(
            f"jfr: a chunk of {size} bytes, {len(body) - at} are there: truncated, or never finished"
        )
    return int(size)


def _chunk_events(body: bytes, wanted: frozenset[str], budget: Budget) -> Iterator[Event]:
    header = _HEADER.unpack_from(body)
    metadata_at, start_ns, ticks_per_s, flags = header[5], header[6], header[9], header[10]
    reader = (CompressedReader if flags & _COMPRESSED else Reader)(body, budget)
    kinds = _kinds(reader, metadata_at)
    chunk = Chunk(start_ns, max(1, ticks_per_s), kinds)
    places: list[tuple[int, Kind]] = []
    for at, number in _frames(reader):
        if number == _CHECKPOINT:
            reader.at = at
            _read_constants(reader, chunk)
        elif number in kinds and kinds[number].name in wanted:
            budget.take()
            places.append((at, kinds[number]))
    # Constants may come after the events that refer to them.
    for at, kind in places:
        reader.at = at
        yield Event(kind.name, {one.name: reader.value(one, kinds) for one in kind.fields}, chunk)


def _frames(reader: Reader) -> Iterator[tuple[int, int]]:
    """(position of the fields, type) of every event."""
    at = _HEADER.size
    while at < len(reader.body):
        reader.at = at
        size, number = reader.number(4), reader.number(8)
        if size < 2 or size > len(reader.body) - at:
            raise IngestError(f"jfr: an event of {size} bytes at {at}")
        yield reader.at, number
        at += size


def _kinds(reader: Reader, at: int) -> dict[int, Kind]:
    """The types of a chunk by number, from its metadata event."""
    if not _HEADER.size <= at < len(reader.body):
        raise IngestError(f"jfr: metadata at {at} of {len(reader.body)} bytes")
    reader.at = at
    reader.number(4)
    if reader.number(8) != _METADATA:
        raise IngestError(f"jfr: no metadata at {at}")
    for _ in ("start", "duration", "identity"):
        reader.number(8)
    strings = [text if isinstance(text := reader.text(), str) else "" for _ in range(reader.count())]
    found: dict[int, Kind] = {}
    classes = [
        one for top in _element(reader, strings, 0).children if top.name == "metadata" for one in top.children
    ]
    for one in classes:
        if one.name == "class":
            fields = tuple(_field(inner) for inner in one.children if inner.name == "field")
            found[_integer(one, "id")] = Kind(one.attributes.get("name", ""), fields)
    return found


def _element(reader: Reader, strings: list[str], depth: int) -> _Element:
    def string() -> str:
        index = reader.number(4)
        if not 0 <= index < len(strings):
            raise IngestError(f"jfr: string {index} of the metadata's {len(strings)}")
        return strings[index]

    if depth > _DEEPEST:
        raise IngestError(f"jfr: metadata nested more than {_DEEPEST} deep")
    name = string()
    attributes = {string(): string() for _ in range(reader.count())}
    children = [_element(reader, strings, depth + 1) for _ in range(reader.count())]
    return _Element(name, attributes, children)


def _field(element: _Element) -> Field:
    given = element.attributes
    return Field(
        given.get("name", ""),
        _integer(element, "class"),
        given.get("constantPool") == "true",
        given.get("dimension", "0") != "0",
    )


def _integer(element: _Element, key: str) -> int:
    text = element.attributes.get(key, "")
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise IngestError(f"jfr: {element.name[:40]} has {key} {text[:40]!r}, expected a number")
    return int(text)


def _read_constants(reader: Reader, chunk: Chunk) -> None:
    for _ in ("start", "duration", "previous"):
        reader.number(8)
    reader.raw(1)
    for _ in range(reader.count()):
        number = reader.number(8)
        kind = chunk.kinds.get(number)
        if kind is None:
            raise IngestError(f"jfr: constants of type {number}, which is not described")
        pool = chunk.constants.setdefault(kind.name, {})
        own = Field(kind.name, number, constant=False, array=False)
        for _ in range(reader.count()):
            key = reader.number(8)
            pool[key] = reader.value(own, chunk.kinds)
