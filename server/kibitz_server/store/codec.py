"""Samples as one blob: delta-coded node ids, label set ids and values, each in as few bytes as it needs, then zstd.

Bytes of equal weight are put side by side (shuffled), which is what the compressor wants. numpy reads it without a
loop.

Layout, little-endian, version 2: version u8, value columns u8, rows u32, one byte per column (its size in bytes: 1, 2,
4 or 8), then zstd of the columns: node id deltas, label set ids, values. Ids are unsigned, values signed. In version 1,
which is still read, the sizes are fixed: 4, 4, 8 ...
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import zstandard

from kibitz_agent.profile import AGENT_VALUE_TYPES, ValueType
from kibitz_server.store import Ints, StoreError

_HEAD = struct.Struct("<BBI")
_VERSION = 2
_LEVEL = 1
_LABEL_BITS = 24
_MOST_ROWS = 1 << 28
_SIZES = (1, 2, 4, 8)
_local = threading.local()  # compressors are not thread-safe, and making one costs more than using it


@dataclass(frozen=True, slots=True)
class Block:
    """Samples: ``node`` and ``labels`` (n,), ``values`` (n, value types)."""

    node: Ints
    labels: Ints
    values: Ints
    types: tuple[ValueType, ...]


def encode(node: Ints, labels: Ints, values: Ints) -> bytes:
    """The blob for samples: ``node`` and ``labels`` (n,), ``values`` (n, value types); any row order."""
    order = _order(node)
    deltas = node.take(order)
    deltas[1:] -= deltas[:-1].copy()
    columns = [deltas, labels.take(order), *(column.take(order) for column in values.T)]
    sizes = [_size(column, signed=index > 1) for index, column in enumerate(columns)]
    body = b"".join(
        _shuffle(column.astype(f"<{'i' if index > 1 else 'u'}{size}"))
        for index, (column, size) in enumerate(zip(columns, sizes, strict=True))
    )
    return _HEAD.pack(_VERSION, values.shape[1], len(node)) + bytes(sizes) + _compressor().compress(body)


def decode(blob: bytes) -> tuple[Ints, Ints, Ints]:
    """(node, labels, values) as they were encoded, rows by ascending node; `StoreError` on a damaged blob."""
    rows, columns = shape(blob)
    node, labels, values = (
        np.empty(rows, np.int64),
        np.empty(rows, np.int64),
        np.empty((columns, rows), np.int64),
    )
    decode_into(blob, node, labels, list(values))
    return node, labels, values.T


def shape(blob: bytes) -> tuple[int, int]:
    """How many rows and value columns a blob says it has; `StoreError` on what cannot be one."""
    try:
        version, columns, rows = _HEAD.unpack_from(blob)
    except struct.error as error:
        raise StoreError(f"a profile's samples are damaged ({error}): run the store check") from error
    if version not in (1, _VERSION):
        raise StoreError(f"samples of version {version}: written by a newer Kibitz, upgrade this collector")
    if rows > _MOST_ROWS:
        raise StoreError(f"a profile's samples are damaged: {rows} rows: run the store check")
    return rows, columns


def decode_into(blob: bytes, node: Ints, labels: Ints, values: Sequence[Ints]) -> None:
    """`decode` into arrays of `shape`, one for each value column: many blobs lie end to end with no copy more."""
    rows, columns = shape(blob)
    old = blob[0] == 1
    start = _HEAD.size + (0 if old else 2 + columns)
    sizes = [4, 4] + [8] * columns if old else list(blob[_HEAD.size : start])
    size = rows * sum(sizes)
    try:
        body = memoryview(_decompressor().decompress(blob[start:], max_output_size=size))
    except zstandard.ZstdError as error:
        raise StoreError(f"a profile's samples are damaged ({error}): run the store check") from error
    if len(body) != size or any(size not in _SIZES for size in sizes):
        raise StoreError(f"a profile's samples are damaged: {len(body)} bytes, expected {size}")
    at = 0
    for index, (column, width) in enumerate(zip([node, labels, *values], sizes, strict=True)):
        part = _unshuffle(body[at : at + rows * width], f"<{'i' if index > 1 else 'u'}{width}")
        if index:
            column[:] = part
        else:
            part.cumsum(dtype=np.int64, out=column)
        at += rows * width


def merge(blocks: Sequence[Block]) -> Block:
    """Samples added up by node and label set. A block that lacks a value type counts 0 in it."""
    types = united(block.types for block in blocks)
    node = np.concatenate([block.node for block in blocks])
    labels = np.concatenate([block.labels for block in blocks])
    values = np.concatenate([widen(block.values, block.types, types) for block in blocks])
    keys, row = np.unique(node << _LABEL_BITS | labels, return_inverse=True)
    sums = np.zeros((len(keys), len(types)), np.int64)
    for column in range(len(types)):
        np.add.at(sums[:, column], row.reshape(-1), values[:, column])
    return Block(keys >> _LABEL_BITS, keys & ((1 << _LABEL_BITS) - 1), sums, types)


def united(types: object) -> tuple[ValueType, ...]:
    """All value types of several lists, in order of first appearance."""
    seen = tuple(dict.fromkeys(kind for kinds in types for kind in kinds))  # type: ignore[attr-defined]
    return seen or AGENT_VALUE_TYPES


def widen(values: Ints, kinds: Sequence[ValueType], types: tuple[ValueType, ...]) -> Ints:
    """The values in the columns of ``types``, 0 where they have none."""
    if tuple(kinds) == types:
        return values
    wide = np.zeros((len(values), len(types)), np.int64)
    for column, kind in enumerate(kinds):
        wide[:, types.index(kind)] = values[:, column]
    return wide


def _order(node: Ints) -> Ints:
    """What sorts ``node``, rows of equal ids as they came; sorting numbers is much faster than sorting places."""
    rows = len(node)
    bits = max(rows - 1, 0).bit_length()
    if int(node.max(initial=0)).bit_length() + bits > 63:
        return np.argsort(node, kind="stable")
    packed = (node << bits) | np.arange(rows)
    packed.sort()
    return packed & ((1 << bits) - 1)


def _size(column: Ints, *, signed: bool) -> int:
    low, high = int(column.min(initial=0)), int(column.max(initial=0))
    spare = 1 if signed else 0
    bits = max(high.bit_length(), (-low - 1).bit_length() if low < 0 else 0) + spare
    return next(size for size in _SIZES if bits <= 8 * size)


def _shuffle(column: np.ndarray) -> bytes:
    if column.itemsize == 1:
        return column.tobytes()
    return np.ascontiguousarray(column).view(np.uint8).reshape(-1, column.itemsize).T.tobytes()


def _unshuffle(data: memoryview, dtype: str) -> np.ndarray:
    size = np.dtype(dtype).itemsize
    if size == 1:
        return np.frombuffer(data, dtype)
    return np.frombuffer(data, np.uint8).reshape(size, -1).T.copy().view(dtype).reshape(-1)


def _compressor() -> zstandard.ZstdCompressor:
    if not hasattr(_local, "compressor"):
        _local.compressor = zstandard.ZstdCompressor(level=_LEVEL)
    compressor: zstandard.ZstdCompressor = _local.compressor
    return compressor


def _decompressor() -> zstandard.ZstdDecompressor:
    if not hasattr(_local, "decompressor"):
        _local.decompressor = zstandard.ZstdDecompressor()
    decompressor: zstandard.ZstdDecompressor = _local.decompressor
    return decompressor
