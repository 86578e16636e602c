"""The wire form: a profile as bytes.

A *preamble* of 20 bytes, then one zlib stream that holds a JSON header and the profile's columns as
little-endian arrays, back to back in the order the header names them. Encoding is a handful of buffer copies
and one fast deflate; decoding is the reverse, and `numpy.frombuffer` can read each column where it lies.

Preamble (since version 1)::

    offset  size  field
         0     7  magic, b"KIBITZ\\x1a" (the 0x1a stops a text tool, and a mangled newline cannot hide)
         7     1  version of the wire form
         8     4  size of the inflated body in bytes, unsigned
        12     4  CRC-32 of the inflated body, unsigned
        16     4  size of the JSON header in bytes, unsigned: the body's first part

JSON header (since version 1 unless stated). Times are in nanoseconds, sizes in bytes:

=============== ============================ ====================================================================
field           type                         meaning
=============== ============================ ====================================================================
group           string                       profiling group
instance        string                       one agent's identity, stable over its life
process_id      integer                      as the host's kernel knows it
revision        string                       source revision that ran, or ""
start_ns        integer                      start of the period, since the epoch
end_ns          integer                      end of the period, since the epoch
interval_ns     integer                      the mean sampling interval really kept
runtime         string                       e.g. "CPython 3.11.7"
agent_version   string                       version of the agent
sampler         string                       which sampler took it, "python" or "native"
token           string                       the report's identity; a retry repeats it
process_cpu_ns  integer                      CPU time of the whole process over the period
overhead        object                       cpu_ns, memory_bytes, ticks, missed_ticks, dropped_samples, retries
host            object                       name, cpus, memory_bytes, platform ...: strings and numbers
limits          array of strings             each limit that struck while sampling
blobs           object                       git blob ids (hexadecimal) of hot files, by the names frames have
heap            object or null               taken_ns, pause_ns, rss_bytes, objects, complete, collections, types: rows
                                             of name, count, bytes; sites: rows of file, line, count, bytes
value_types     array of [name, unit]        one per column of values, e.g. ["wall", "nanoseconds"]
columns         array of [name, type, rows]  what follows the header; the types are those of `array`:
                                             "B" 1 byte, "I" 4 unsigned, "i" 4 signed, "q" 8 signed
=============== ============================ ====================================================================

Columns (since version 1): ``string_size`` I (bytes of each string), ``string_bytes`` B (UTF-8, joined),
``frame_name frame_file frame_line`` I, ``node_parent`` i, ``node_frame node_line`` I,
``sample_node sample_labels`` I, ``value_0 value_1 ...`` q, ``label_set_size`` I (pairs in each set),
``label_key label_value`` I (string indices of all pairs, joined).

A decoder ignores header fields and columns it does not know, so that adding one needs no new version.
Decoding is safe against hostile input: every size is checked before anything is allocated, every index before
it is used, and the error names the field.
"""

from __future__ import annotations

import json
import re
import struct
import sys
import zlib
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import accumulate
from typing import Any, Protocol

from kibitz_agent import heap
from kibitz_agent.profile import Header, Labels, Overhead, Profile, ProfileError, ValueType, check

VERSION = 1
CONTENT_TYPE = "application/x-kibitz-profile"

_BLOB = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_MAGIC = b"KIBITZ\x1a"
_PREAMBLE = struct.Struct("<7sBIII")
_ITEM_SIZES = {"B": 1, "I": 4, "i": 4, "q": 8}
_INDEX_COLUMNS = (
    "frame_name",
    "frame_file",
    "frame_line",
    "node_frame",
    "node_line",
    "sample_node",
    "sample_labels",
)
_COLUMN_TYPES = {
    "string_bytes": "B",
    "node_parent": "i",
    **dict.fromkeys((*_INDEX_COLUMNS, "string_size", "label_set_size", "label_key", "label_value"), "I"),
}
# Level 1 costs a third of level 6 and gives up under a tenth of the size on call trees.
_COMPRESSION_LEVEL = 1


class WireError(ProfileError):
    """Bytes that are not a profile; the message names the field, what was expected and what came."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The most a decoder will take on: bytes before and after inflating, header bytes, rows of a column."""

    compressed_bytes: int = 8 << 20
    body_bytes: int = 64 << 20
    header_bytes: int = 1 << 20
    rows: int = 4 << 20


DEFAULT_LIMITS = Limits()


def encode(profile: Profile) -> bytes:
    """The profile in wire form. Lone surrogates in names (undecodable file names) are written as ``\\udcXX``."""
    texts = [text.encode("utf-8", "backslashreplace") for text in profile.strings]
    string_index = {text: index for index, text in enumerate(profile.strings)}
    label_columns = _label_columns(profile.label_sets, string_index, texts)
    columns: dict[str, array[int]] = {
        "string_size": array("I", map(len, texts)),
        "string_bytes": array("B", b"".join(texts)),
        "frame_name": profile.frame_name,
        "frame_file": profile.frame_file,
        "frame_line": profile.frame_line,
        "node_parent": profile.node_parent,
        "node_frame": profile.node_frame,
        "node_line": profile.node_line,
        "sample_node": profile.sample_node,
        "sample_labels": profile.sample_labels,
        **{f"value_{index}": column for index, column in enumerate(profile.values)},
        **label_columns,
    }
    header = json.dumps(_header_fields(profile, columns), separators=(",", ":")).encode()
    body = b"".join([header, *map(_little_endian, columns.values())])
    preamble = _PREAMBLE.pack(_MAGIC, VERSION, len(body), zlib.crc32(body), len(header))
    return preamble + zlib.compress(body, _COMPRESSION_LEVEL)


def decode(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Profile:
    """The profile that ``data`` holds; `WireError` if it is truncated, altered, too large or inconsistent."""
    header, columns = unpack(data, limits)
    try:
        return check(_profile(header, columns))
    except WireError:
        raise
    except ProfileError as error:
        raise WireError(str(error)) from error


class Deflate(Protocol):
    """What `unpack` uses of a module that reads zlib's streams."""

    @property
    def error(self) -> type[Exception]:
        """Raised on a stream that is damaged."""

    @property
    def decompressobj(self) -> Callable[..., Any]:
        """Makes what `zlib.decompressobj` does."""

    @property
    def crc32(self) -> Callable[[bytes], int]:
        """The checksum of bytes."""


def unpack(
    data: bytes, limits: Limits = DEFAULT_LIMITS, deflate: Deflate = zlib
) -> tuple[dict[str, Any], dict[str, memoryview]]:
    """The JSON header and each column's raw little-endian bytes: the form that numpy reads in place.

    Sizes, checksum and the column table are checked; what the columns say is not. ``deflate``: a module that does what
    `zlib` does.
    """
    header_size, body = _inflate(data, limits, deflate)
    try:
        header = json.loads(body[:header_size])
        if b"\\ud" in body[:header_size].lower():
            header = _readable(header)
    except (ValueError, RecursionError) as error:
        raise WireError(f"header: not JSON ({error.__class__.__name__})") from error
    if not isinstance(header, dict):
        raise WireError(f"header: expected an object, found {type(header).__name__}")
    return header, _slices(header, memoryview(body)[header_size:], limits)


def _readable(value: Any) -> Any:
    """A JSON value with "?" for halves of surrogate pairs in its texts: paths that are no UTF-8 hold such, pages cannot."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_readable(item) for item in value]
    if isinstance(value, dict):
        return {_readable(key): _readable(item) for key, item in value.items()}
    return value


def _inflate(data: bytes, limits: Limits, deflate: Deflate) -> tuple[int, bytes]:
    if len(data) > limits.compressed_bytes:
        raise WireError(f"message: {len(data)} bytes, at most {limits.compressed_bytes} are accepted")
    if len(data) < _PREAMBLE.size:
        raise WireError(f"preamble: expected {_PREAMBLE.size} bytes, found {len(data)}: truncated")
    magic, version, body_size, crc, header_size = _PREAMBLE.unpack_from(data)
    if magic != _MAGIC:
        raise WireError("magic: not a Kibitz profile")
    if version != VERSION:
        raise WireError(f"version: {version} is not understood, only {VERSION}; upgrade the older side")
    if body_size > limits.body_bytes:
        raise WireError(f"body size: {body_size} bytes, at most {limits.body_bytes} are accepted")
    if header_size > min(body_size, limits.header_bytes):
        raise WireError(f"header size: {header_size} bytes, more than the body or {limits.header_bytes}")
    inflater = deflate.decompressobj()
    try:
        body = inflater.decompress(memoryview(data)[_PREAMBLE.size :], body_size + 1)
    except deflate.error as error:
        raise WireError(f"body: damaged zlib stream ({error})") from error
    if len(body) != body_size:
        raise WireError(
            f"body: expected {body_size} bytes, found {'more' if len(body) > body_size else len(body)}"
        )
    if not inflater.eof or inflater.unused_data:
        raise WireError("body: the zlib stream ends too early or something follows it")
    if deflate.crc32(body) != crc:
        raise WireError("crc: the body was altered on its way")
    return header_size, body


def _slices(header: Mapping[str, Any], body: memoryview, limits: Limits) -> dict[str, memoryview]:
    table = header.get("columns")
    if not isinstance(table, list):
        raise WireError("columns: expected an array of [name, type, rows]")
    slices: dict[str, memoryview] = {}
    offset = 0
    for row in table:
        name, type_code, rows = _column_row(row)
        if not 0 <= rows <= (limits.rows if type_code != "B" else limits.body_bytes):
            raise WireError(f"columns.{name}: {rows} rows, at most {limits.rows} are accepted")
        end = offset + rows * _ITEM_SIZES[type_code]
        if end > len(body):
            raise WireError(f"columns.{name}: needs {end - offset} bytes, {len(body) - offset} are left")
        if name in slices:
            raise WireError(f"columns.{name}: named twice")
        expected = "q" if name.startswith("value_") else _COLUMN_TYPES.get(name, type_code)
        if type_code != expected:
            raise WireError(f"columns.{name}: expected type {expected}, found {type_code}")
        slices[name] = body[offset:end]
        offset = end
    if offset != len(body):
        raise WireError(f"columns: {len(body) - offset} bytes follow the last column")
    return slices


def _column_row(row: object) -> tuple[str, str, int]:
    # No pattern matching: there are sixteen of these in each report, and it takes three times as long.
    if type(row) is list and len(row) == 3:
        name, type_code, rows = row
        if type(name) is str and type(type_code) is str and type_code in _ITEM_SIZES and type(rows) is int:
            return name, type_code, rows
    raise WireError(f"columns: expected [name, type, rows], found {_short(row)}")


def _profile(header: Mapping[str, Any], columns: Mapping[str, memoryview]) -> Profile:
    value_types = _value_types(header)
    strings = _strings(_column(columns, "string_size", "I"), _raw(columns, "string_bytes"))
    return Profile(
        header=header_from_fields(header),
        strings=strings,
        frame_name=_column(columns, "frame_name", "I"),
        frame_file=_column(columns, "frame_file", "I"),
        frame_line=_column(columns, "frame_line", "I"),
        node_parent=_column(columns, "node_parent", "i"),
        node_frame=_column(columns, "node_frame", "I"),
        node_line=_column(columns, "node_line", "I"),
        sample_node=_column(columns, "sample_node", "I"),
        sample_labels=_column(columns, "sample_labels", "I"),
        value_types=value_types,
        values=tuple(_column(columns, f"value_{index}", "q") for index in range(len(value_types))),
        label_sets=_label_sets(columns, strings),
    )


def _raw(columns: Mapping[str, memoryview], name: str) -> memoryview:
    if name not in columns:
        raise WireError(f"columns.{name}: missing")
    return columns[name]


def _column(columns: Mapping[str, memoryview], name: str, type_code: str) -> array[int]:
    column: array[int] = array(type_code)
    raw = _raw(columns, name)
    if len(raw) % column.itemsize:
        raise WireError(f"columns.{name}: {len(raw)} bytes are no whole number of rows of type {type_code}")
    column.frombytes(raw)
    if sys.byteorder == "big":
        column.byteswap()
    return column


def _strings(sizes: array[int], raw: memoryview) -> tuple[str, ...]:
    if sum(sizes) != len(raw):
        raise WireError(f"columns.string_size: the sizes add up to {sum(sizes)}, there are {len(raw)} bytes")
    ends = list(accumulate(sizes))
    try:
        return tuple(str(raw[end - size : end], "utf-8") for size, end in zip(sizes, ends, strict=True))
    except UnicodeDecodeError as error:
        raise WireError(f"columns.string_bytes: not UTF-8 ({error.reason})") from error


def _label_columns(
    label_sets: Sequence[Labels], string_index: dict[str, int], texts: list[bytes]
) -> dict[str, array[int]]:
    """Label texts join the string table; ``string_index`` and ``texts`` grow by the new ones."""
    keys, values = array("I"), array("I")
    for labels in label_sets:
        for key, value in labels:
            for column, text in ((keys, key), (values, value)):
                index = string_index.setdefault(text, len(texts))
                if index == len(texts):
                    texts.append(text.encode("utf-8", "backslashreplace"))
                column.append(index)
    return {"label_set_size": array("I", map(len, label_sets)), "label_key": keys, "label_value": values}


def _label_sets(columns: Mapping[str, memoryview], strings: Sequence[str]) -> tuple[Labels, ...]:
    sizes = _column(columns, "label_set_size", "I")
    keys, values = _column(columns, "label_key", "I"), _column(columns, "label_value", "I")
    if not len(keys) == len(values) == sum(sizes):
        raise WireError(f"columns.label_set_size: {sum(sizes)} pairs, {len(keys)} keys, {len(values)} values")
    for name, column in (("label_key", keys), ("label_value", values)):
        if column and max(column) >= len(strings):
            raise WireError(
                f"columns.{name}: {max(column)} is out of range, there are {len(strings)} strings"
            )
    pairs = [(strings[key], strings[value]) for key, value in zip(keys, values, strict=True)]
    ends = list(accumulate(sizes))
    return tuple(tuple(pairs[end - size : end]) for size, end in zip(sizes, ends, strict=True))


def _value_types(header: Mapping[str, Any]) -> tuple[ValueType, ...]:
    listed = header.get("value_types")
    if not isinstance(listed, list) or not 1 <= len(listed) <= 64:
        raise WireError("value_types: expected 1 to 64 pairs [name, unit]")
    value_types = []
    for pair in listed:
        match pair:
            case [str(name), str(unit)]:
                value_types.append(ValueType(name, unit))
            case _:
                raise WireError(f"value_types: expected [name, unit], found {_short(pair)}")
    return tuple(value_types)


def _header_fields(profile: Profile, columns: Mapping[str, array[int]]) -> dict[str, Any]:
    return {
        **header_to_fields(profile.header),
        "value_types": [[value_type.name, value_type.unit] for value_type in profile.value_types],
        "columns": [[name, column.typecode, len(column)] for name, column in columns.items()],
    }


def header_to_fields(header: Header) -> dict[str, Any]:
    """The header as JSON-ready fields."""
    return {
        **{f.name: getattr(header, f.name) for f in fields(Header)},
        "overhead": asdict(header.overhead),
        "host": dict(header.host),
        "limits": list(header.limits),
        "blobs": dict(header.blobs),
        "heap": None if header.heap is None else heap.to_fields(header.heap),
    }


def header_from_fields(given: Mapping[str, Any]) -> Header:
    """A header from JSON fields; absent ones take their defaults, wrong types are a `WireError`."""
    known: dict[str, Any] = {}
    for f in fields(Header):
        if f.name not in given or f.name in ("overhead", "host", "limits", "blobs", "heap"):
            continue
        known[f.name] = _typed(f.name, given[f.name], str if f.type == "str" else int)
    overhead = _typed("overhead", given.get("overhead", {}), dict)
    host = _typed("host", given.get("host", {}), dict)
    limits = _typed("limits", given.get("limits", []), list)
    return Header(
        **known,
        overhead=Overhead(
            **{
                f.name: _typed(f"overhead.{f.name}", overhead[f.name], int)
                for f in fields(Overhead)
                if f.name in overhead
            }
        ),
        host={key: value for key, value in host.items() if isinstance(value, str | int | float)},
        limits=tuple(_typed("limits", limit, str) for limit in limits),
        blobs={
            name: blob
            for name, blob in _typed("blobs", given.get("blobs", {}), dict).items()
            if isinstance(blob, str) and _BLOB.fullmatch(blob)
        },
        heap=_heap_from(given.get("heap")),
    )


def _heap_from(given: object) -> heap.HeapSummary | None:
    try:
        return None if given is None else heap.from_fields(given)
    except ValueError as error:
        raise WireError(str(error)) from error


def _typed(name: str, value: Any, kind: type) -> Any:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise WireError(f"{name}: expected {kind.__name__}, found {_short(value)}")
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        raise WireError(f"{name}: does not fit 64 bits")
    return value


def _little_endian(column: array[int]) -> bytes:
    if sys.byteorder == "big" and column.itemsize > 1:
        column = array(column.typecode, column)
        column.byteswap()
    return column.tobytes()


def _short(value: object) -> str:
    return repr(value)[:60]
