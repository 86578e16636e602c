"""Just enough of protobuf's wire format to write a message: varints, length-delimited fields, packed numbers."""

from __future__ import annotations

from collections.abc import Iterable

_VARINT, _BYTES = 0, 2
_MASK = (1 << 64) - 1


def varint(value: int) -> bytes:
    """An integer of at most 64 bits, seven bits a byte; a negative one as its two's complement, as int64 wants."""
    value &= _MASK
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def number(field: int, value: int) -> bytes:
    """An integer field; 0 is the default and takes no bytes."""
    return varint(field << 3 | _VARINT) + varint(value) if value else b""


def message(field: int, content: bytes) -> bytes:
    """A field holding bytes: a nested message, a string."""
    return varint(field << 3 | _BYTES) + varint(len(content)) + content


def packed(field: int, values: Iterable[int]) -> bytes:
    """A repeated integer field in one piece; nothing when there are no values."""
    content = b"".join(map(varint, values))
    return message(field, content) if content else b""
