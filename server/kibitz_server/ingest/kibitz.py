"""Our own agent's wire form, read column by column: nothing here goes from node to node."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Mapping
from itertools import accumulate
from typing import Any

import numpy as np

from kibitz_agent import wire
from kibitz_agent.profile import Labels, Profile, ValueType
from kibitz_server.ingest import IngestError, deflate

CONTENT_TYPE = wire.CONTENT_TYPE

_MOST_VALUE_TYPES = 64

Columns = Mapping[str, memoryview]


def decode(body: bytes) -> Profile:
    """A profile in wire form."""
    try:
        header, columns = wire.unpack(body, deflate=deflate.fastest)
        return _profile(header, columns)
    except wire.WireError as error:
        raise IngestError(str(error)) from error


def _profile(header: Mapping[str, Any], columns: Columns) -> Profile:
    types = _value_types(header)
    strings = _strings(columns)
    profile = Profile(
        header=wire.header_from_fields(header),
        strings=strings,
        frame_name=_column(columns, "frame_name", "I"),
        frame_file=_column(columns, "frame_file", "I"),
        frame_line=_column(columns, "frame_line", "I"),
        node_parent=_column(columns, "node_parent", "i"),
        node_frame=_column(columns, "node_frame", "I"),
        node_line=_column(columns, "node_line", "I"),
        sample_node=_column(columns, "sample_node", "I"),
        sample_labels=_column(columns, "sample_labels", "I"),
        value_types=types,
        values=tuple(_column(columns, f"value_{index}", "q") for index in range(len(types))),
        label_sets=_label_sets(columns, strings),
    )
    _check(profile)
    return profile


def _check(profile: Profile) -> None:
    """Every index points at something, every column has its length, a parent precedes its children."""
    _same_length("frames", profile.frame_name, profile.frame_file, profile.frame_line)
    _same_length("nodes", profile.node_parent, profile.node_frame, profile.node_line)
    _same_length("samples", profile.sample_node, profile.sample_labels, *profile.values)
    if profile.strings[:1] != ("",):
        raise IngestError("strings: index 0 must be the empty string")
    if tuple(profile.label_sets[:1]) != ((),):
        raise IngestError("label_sets: index 0 must be the empty set")
    _below("frames.name", profile.frame_name, len(profile.strings))
    _below("frames.file", profile.frame_file, len(profile.strings))
    _below("nodes.frame", profile.node_frame, len(profile.frame_name))
    _below("samples.node", profile.sample_node, len(profile.node_parent))
    _below("samples.labels", profile.sample_labels, len(profile.label_sets))
    parent = _view(profile.node_parent)
    fits = (parent >= -1) & (parent < np.arange(len(parent), dtype=np.int32))
    if not np.logical_and.reduce(fits):
        node = int(np.argmin(fits))
        raise IngestError(f"nodes.parent[{node}]: expected -1..{node - 1}, found {parent[node]}")
    if len(profile.node_line) and int(_view(profile.node_line).max()) >= 1 << 31:
        raise IngestError("nodes.line: expected a line below 2,147,483,648")


def _same_length(table: str, *columns: array[int]) -> None:
    lengths = {len(column) for column in columns}
    if len(lengths) > 1:
        raise IngestError(f"{table}: columns of different length {sorted(lengths)}")


def _below(name: str, column: array[int], limit: int) -> None:
    if len(column) and (top := int(np.maximum.reduce(_view(column)))) >= limit:
        raise IngestError(f"{name}: {top} is out of range, the table has {limit} rows")


def _view(column: array[int]) -> np.ndarray:
    return np.frombuffer(column, column.typecode) if len(column) else np.empty(0, column.typecode)


def _column(columns: Columns, name: str, type_code: str) -> array[int]:
    raw = _raw(columns, name)
    column: array[int] = array(type_code)
    if len(raw) % column.itemsize:
        raise IngestError(f"columns.{name}: {len(raw)} bytes are no whole number of rows")
    column.frombytes(raw)
    if sys.byteorder == "big":
        column.byteswap()
    return column


def _raw(columns: Columns, name: str) -> memoryview:
    if name not in columns:
        raise IngestError(f"columns.{name}: missing")
    return columns[name]


def _strings(columns: Columns) -> tuple[str, ...]:
    sizes, raw = _column(columns, "string_size", "I"), _raw(columns, "string_bytes")
    if sum(sizes) != len(raw):
        raise IngestError(
            f"columns.string_size: the sizes add up to {sum(sizes)}, there are {len(raw)} bytes"
        )
    ends = accumulate(sizes)
    try:
        if (joined := bytes(raw)).isascii():  # nearly always: a byte is a character
            text = joined.decode("ascii")
            return tuple([text[end - size : end] for size, end in zip(sizes, ends, strict=True)])
        return tuple([str(raw[end - size : end], "utf-8") for size, end in zip(sizes, ends, strict=True)])
    except UnicodeDecodeError as error:
        raise IngestError(f"columns.string_bytes: not UTF-8 ({error.reason})") from error


def _label_sets(columns: Columns, strings: tuple[str, ...]) -> tuple[Labels, ...]:
    sizes = _column(columns, "label_set_size", "I")
    keys, values = _column(columns, "label_key", "I"), _column(columns, "label_value", "I")
    if not len(keys) == len(values) == sum(sizes):
        raise IngestError(
            f"columns.label_set_size: {sum(sizes)} pairs, {len(keys)} keys, {len(values)} values"
        )
    _below("columns.label_key", keys, len(strings))
    _below("columns.label_value", values, len(strings))
    pairs = [(strings[key], strings[value]) for key, value in zip(keys, values, strict=True)]
    ends = accumulate(sizes)
    return tuple(tuple(pairs[end - size : end]) for size, end in zip(sizes, ends, strict=True))


def _value_types(header: Mapping[str, Any]) -> tuple[ValueType, ...]:
    listed = header.get("value_types")
    if not isinstance(listed, list) or not 1 <= len(listed) <= _MOST_VALUE_TYPES:
        raise IngestError(f"value_types: expected 1 to {_MOST_VALUE_TYPES} pairs [name, unit]")
    types = []
    for pair in listed:
        match pair:
            case [str(name), str(unit)]:
                types.append(ValueType(name, unit))
            case _:
                raise IngestError(f"value_types: expected [name, unit], found {repr(pair)[:60]}")
    return tuple(types)
