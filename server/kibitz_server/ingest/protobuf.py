"""The little of protocol buffers that pprof needs: fields of a message, read one after the other, within bounds."""

from __future__ import annotations

from collections.abc import Iterator

from kibitz_server.ingest import IngestError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def fields(message: memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    """(number, wire type, value) of each field; a varint's value is unsigned. `IngestError` where it is malformed."""
    at, end = 0, len(message)
    while at < end:
        key, at = varint(message, at)
        number, wire_type = key >> 3, key & 7
        if wire_type == VARINT:
            value, at = varint(message, at)
            yield number, wire_type, value
            continue
        if wire_type == BYTES:
            size, at = varint(message, at)
        elif wire_type in (FIXED64, FIXED32):
            size = 8 if wire_type == FIXED64 else 4
        else:
            raise IngestError(f"protobuf: field {number} has wire type {wire_type}")
        if size > end - at:
            raise IngestError(f"protobuf: field {number} needs {size} bytes, {end - at} are left: truncated")
        yield number, wire_type, message[at : at + size]
        at += size


def varint(message: memoryview, at: int) -> tuple[int, int]:
    """An unsigned integer of up to 64 bits at position ``at``, and the position after it."""
    value = shift = 0
    while True:
        if at >= len(message) or shift > 63:
            raise IngestError("protobuf: a number ends too early or is longer than 64 bits")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
        shift += 7


def signed(value: int) -> int:
    """An int64 field's value from its unsigned reading."""
    return value - (1 << 64) if value >= 1 << 63 else value


def integers(wire_type: int, value: int | memoryview) -> list[int]:
    """A repeated integer field's values: one, or all of a packed run."""
    if isinstance(value, int):
        return [value]
    if wire_type != BYTES:
        raise IngestError("protobuf: expected packed integers")
    found, at = [], 0
    while at < len(value):
        item, at = varint(value, at)
        found.append(item)
    return found
