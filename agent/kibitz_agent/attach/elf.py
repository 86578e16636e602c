"""Addresses of a shared object's dynamic symbols, read from the file: no debugger, no symbol server."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from kibitz_agent.attach.errors import AttachError

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_LOADED = 1
_SYMBOL_TABLE, _DYNAMIC_SYMBOLS = 2, 11
_EXECUTABLE = 2
_PAGE = 4096
_LARGEST_TABLE = 64 << 20


@dataclass(frozen=True, slots=True)
class Symbols:
    """Found symbols as addresses in the file's own address space, and how to move them to where it is mapped."""

    addresses: dict[str, int]
    fixed: bool
    lowest: int

    def at(self, mapped: int) -> dict[str, int]:
        """The addresses once the file's first page lies at ``mapped``; a fixed executable does not move."""
        bias = 0 if self.fixed else mapped - self.lowest
        return {name: address + bias for name, address in self.addresses.items()}


def symbols(path: Path, wanted: Iterable[str]) -> Symbols:
    """Those of the ``wanted`` symbols that the 64-bit ELF file defines; `AttachError` if it is no such file."""
    with path.open("rb") as file:
        header = file.read(_HEADER.size)
        if len(header) < _HEADER.size or header[:5] != b"\x7fELF\x02":
            raise AttachError(f"{path}: not a 64-bit ELF file")
        # e_type, then where the two tables are, then the sizes and numbers of their rows (ELF-64 header).
        fields = _HEADER.unpack(header)
        kind, segments_at, sections_at = fields[1], fields[5], fields[6]
        segment_size, segment_count, section_size, section_count = fields[9:13]
        segments = _table(_read(file, segments_at, segment_size * segment_count), segment_size, _SEGMENT)
        sections = _table(_read(file, sections_at, section_size * section_count), section_size, _SECTION)
        lowest = min((row[3] for row in segments if row[0] == _LOADED), default=0) & ~(_PAGE - 1)
        found: dict[str, int] = {}
        for table_kind in (_DYNAMIC_SYMBOLS, _SYMBOL_TABLE):
            for section in sections:
                missing = set(wanted) - set(found)
                if section[1] == table_kind and missing and section[6] < len(sections):
                    strings = sections[section[6]]
                    found |= _defined(
                        _read(file, section[4], section[5]), _read(file, strings[4], strings[5]), missing
                    )
    return Symbols(found, kind == _EXECUTABLE, lowest)


def _table(data: bytes, size: int, row: struct.Struct) -> list[tuple[int, ...]]:
    if size < row.size:
        return []
    return [row.unpack_from(data, at) for at in range(0, len(data) - size + 1, size)]


def _read(file: BinaryIO, offset: int, size: int) -> bytes:
    if size > _LARGEST_TABLE:
        raise AttachError(f"symbol table of {size} bytes: larger than any interpreter's")
    file.seek(offset)
    return file.read(size)


def _defined(table: bytes, strings: bytes, wanted: set[str]) -> dict[str, int]:
    names = {}
    for name in wanted:
        at = strings.find(b"\0" + name.encode() + b"\0")
        if at >= 0:
            names[at + 1] = name
    found = {}
    for at in range(0, len(table) - _SYMBOL.size + 1, _SYMBOL.size):
        name_at, _, _, section, value, _ = _SYMBOL.unpack_from(table, at)
        if section and value and name_at in names:
            found[names[name_at]] = value
    return found
