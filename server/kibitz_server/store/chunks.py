"""Pieces of a group's dictionary as blobs: what one transaction added, compressed."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import zstandard

from kibitz_agent.profile import Labels
from kibitz_server.store import Ints, StoreError

FRAMES, NODES, LABEL_SETS = "frames", "nodes", "label_sets"
KINDS = (FRAMES, NODES, LABEL_SETS)
MOST_BYTES = 1 << 30


def encode_texts(rows: Sequence[object]) -> bytes:
    """Frames or label sets."""
    return zstandard.ZstdCompressor(level=3).compress(json.dumps(rows, separators=(",", ":")).encode())


def decode_frames(body: bytes) -> list[tuple[str, str, int]]:
    """Frames as (name, file, line)."""
    return [(name, file, line) for name, file, line in json.loads(_inflated(body))]


def decode_label_sets(body: bytes) -> list[Labels]:
    """Label sets."""
    return [tuple((key, value) for key, value in labels) for labels in json.loads(_inflated(body))]


def encode_nodes(parent: Ints, frame: Ints, line: Ints) -> bytes:
    """Nodes as three columns of 32 bits, the bytes of equal weight side by side."""
    columns = np.stack([parent, frame, line]).astype("<i4")
    shuffled = columns.view(np.uint8).reshape(3, -1, 4).transpose(0, 2, 1).tobytes()
    return zstandard.ZstdCompressor(level=3).compress(shuffled)


def decode_nodes(body: bytes) -> tuple[Ints, Ints, Ints]:
    """Parents, frames, lines."""
    raw = np.frombuffer(_inflated(body), np.uint8).reshape(3, 4, -1).transpose(0, 2, 1)
    parent, frame, line = np.ascontiguousarray(raw).view("<i4")[:, :, 0].astype(np.int64)
    return parent, frame, line


def _inflated(body: bytes) -> bytes:
    try:
        return zstandard.ZstdDecompressor().decompress(body, max_output_size=MOST_BYTES)
    except zstandard.ZstdError as error:
        raise StoreError(f"a piece of a dictionary is damaged ({error}): run the store check") from error
