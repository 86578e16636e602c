"""The values in a flight recording: numbers, texts and the fields of types, read within bounds."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from kibitz_server.ingest import IngestError, TooLargeError

_MOST_VALUES = 2_000_000
_DEEPEST = 32

Value: TypeAlias = Any
"""A number, a text, None, a list of values, or the values of a type's fields as a tuple."""


class Reference(int):
    """The number of a constant text, where a text was expected."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a type: what it is called, its type's number, whether it holds a constant's number, or many."""

    name: str
    kind: int
    constant: bool
    array: bool


@dataclass(frozen=True, slots=True)
class Kind:
    """A type: its name and its fields in the order in which they are written."""

    name: str
    fields: tuple[Field, ...]


@dataclass(slots=True)
class Budget:
    """How many more values may be kept of a recording."""

    left: int = _MOST_VALUES

    def take(self, count: int = 1) -> None:
        """So many more are kept. `TooLargeError` past the last."""
        self.left -= count
        if self.left < 0:
            raise TooLargeError(f"jfr: more than {_MOST_VALUES} events, constants and parts of them")


class Reader:
    """Reads values at ``at``, which it moves; numbers are big-endian."""

    def __init__(self, body: bytes, budget: Budget) -> None:
        self.body, self.at, self.budget = body, 0, budget

    def number(self, size: int) -> int:
        """A signed number of ``size`` bytes."""
        self.at += size
        return int.from_bytes(self._taken(size), "big", signed=True)

    def _taken(self, size: int) -> bytes:
        if self.at > len(self.body):
            raise IngestError("jfr: a value goes beyond the chunk's end: truncated")
        return self.body[self.at - size : self.at]

    def raw(self, size: int) -> bytes:
        """So many bytes."""
        if not 0 <= size <= len(self.body) - self.at:
            raise IngestError(f"jfr: a text of {size} bytes, {len(self.body) - self.at} are left")
        self.at += size
        return self._taken(size)

    def count(self) -> int:
        """How many items follow: never more than there are bytes, nor than may be kept."""
        found = self.number(4)
        if not 0 <= found <= len(self.body) - self.at:
            raise IngestError(f"jfr: {found} items, {len(self.body) - self.at} bytes are left")
        self.budget.take(found)
        return found

    def text(self) -> Value:
        """A text, or the number of a constant one."""
        match form := self.raw(1)[0]:
            case 0:
                return None
            case 1:
                return ""
            case 2:
                return Reference(self.number(8))
            case 3:
                return self.raw(self.number(4)).decode("utf-8", "replace")
            case 4:
                return "".join(chr(self.number(2) & 0xFFFF) for _ in range(self.count()))
            case 5:
                return self.raw(self.number(4)).decode("latin-1")
        raise IngestError(f"jfr: a text of form {form}")

    def value(self, one: Field, kinds: Mapping[int, Kind], depth: int = 0) -> Value:
        """A field's value: of a constant its number, of an array a list, of a type with fields a tuple."""
        if one.array:
            return [self._single(one, kinds, depth) for _ in range(self.count())]
        return self._single(one, kinds, depth)

    def _single(self, one: Field, kinds: Mapping[int, Kind], depth: int) -> Value:
        if one.constant:
            return self.number(8)
        kind = kinds.get(one.kind)
        if kind is None:
            raise IngestError(f"jfr: field {one.name[:40]!r} is of type {one.kind}, which is not described")
        read = _SIMPLE.get(kind.name)
        if read is not None:
            return read(self)
        if depth > _DEEPEST or not kind.fields:
            raise IngestError(f"jfr: type {kind.name[:80]!r} is empty, or nested {_DEEPEST} deep")
        return tuple(self.value(inner, kinds, depth + 1) for inner in kind.fields)


class CompressedReader(Reader):
    """The same with numbers of 7 bits a byte, least significant first; the ninth byte is whole."""

    def number(self, size: int) -> int:
        """A signed number; ``size`` says nothing here."""
        del size
        value, body, at = 0, self.body, self.at
        try:
            for shift in range(0, 56, 7):
                byte = body[at]
                at += 1
                value |= (byte & 0x7F) << shift
                if byte < 0x80:
                    self.at = at
                    return value
            value |= body[at] << 56
        except IndexError:
            raise IngestError("jfr: a number goes beyond the chunk's end: truncated") from None
        self.at = at + 1
        return value - (1 << 64) if value >> 63 else value


def _float(reader: Reader) -> float:
    return float(struct.unpack(">f", reader.raw(4))[0])


def _double(reader: Reader) -> float:
    return float(struct.unpack(">d", reader.raw(8))[0])


_SIMPLE: Mapping[str, Callable[[Reader], Value]] = {
    "boolean": lambda reader: reader.raw(1)[0],
    "byte": lambda reader: reader.raw(1)[0],
    "short": lambda reader: reader.number(2),
    "char": lambda reader: reader.number(2),
    "int": lambda reader: reader.number(4),
    "long": lambda reader: reader.number(8),
    "float": _float,
    "double": _double,
    "java.lang.String": lambda reader: reader.text(),
}
