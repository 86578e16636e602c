"""The little of pprof's format (profile.proto) that heat needs: each sample's functions and one of its values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

_SAMPLE_TYPE, _SAMPLE, _LOCATION, _FUNCTION, _STRING = 1, 2, 4, 5, 6
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MEASURES = {"cpu": "CPU time", "wall": "the time", "samples": "the time"}


class PprofError(ValueError):
    """What was read is no profile; the message says where that showed."""


def stacks_of(content: bytes) -> tuple[str, list[tuple[Sequence[tuple[str, str]], int]]]:
    """What is measured, in words, and the stacks: (name, file) of each function, with the value. Raises ``PprofError``.

    CPU time if the profile has it, else wall time, else its first value.
    """
    parts: dict[int, list[memoryview]] = defaultdict(list)
    for number, value in _fields(memoryview(content)):
        if isinstance(value, memoryview):
            parts[number].append(value)
    strings = [bytes(text).decode("utf-8", "replace") for text in parts[_STRING]] or [""]
    kinds = [_text(strings, _single(kind, 1)) for kind in parts[_SAMPLE_TYPE]]
    chosen = next((name for name in ("cpu", "wall") if name in kinds), kinds[0] if kinds else "samples")
    column = kinds.index(chosen) if chosen in kinds else 0
    functions = {
        _single(each, 1): (_text(strings, _single(each, 2)), _text(strings, _single(each, 4)))
        for each in parts[_FUNCTION]
    }
    locations = {_single(each, 1): _functions_at(each, functions) for each in parts[_LOCATION]}
    stacks: list[tuple[Sequence[tuple[str, str]], int]] = []
    for sample in parts[_SAMPLE]:
        values = _integers(sample, 2)
        stack = [one for place in _integers(sample, 1) for one in locations.get(place, ())]
        if column < len(values) and 0 < values[column] < 1 << 63:
            stacks.append((stack, values[column]))
    return _MEASURES.get(chosen, chosen or "the time"), stacks


def _functions_at(location: memoryview, functions: dict[int, tuple[str, str]]) -> list[tuple[str, str]]:
    """The functions of a location's lines: more than one where some were inlined."""
    lines = [value for number, value in _fields(location) if number == 4 and isinstance(value, memoryview)]
    return [functions[at] for line in lines if (at := _single(line, 1)) in functions]


def _text(strings: list[str], at: int) -> str:
    return strings[at] if at < len(strings) else ""


def _single(message: memoryview, wanted: int) -> int:
    found = _integers(message, wanted)
    return found[-1] if found else 0


def _integers(message: memoryview, wanted: int) -> list[int]:
    """The values of a repeated integer field, packed or not."""
    found: list[int] = []
    for number, value in _fields(message):
        if number == wanted and isinstance(value, int):
            found.append(value)
        elif number == wanted and isinstance(value, memoryview):
            at = 0
            while at < len(value):
                item, at = _varint(value, at)
                found.append(item)
    return found


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    at, end = 0, len(message)
    while at < end:
        key, at = _varint(message, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        if kind == _BYTES:
            size, at = _varint(message, at)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
        else:
            raise PprofError(f"byte {at} begins a field of the unknown kind {kind}")
        if size > end - at:
            raise PprofError(f"byte {at} begins a field of {size} bytes, but {end - at} are left")
        yield key >> 3, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message) and shift < 64:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise PprofError(f"a number ends too late at byte {at}")
