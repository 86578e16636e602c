"""A growing call tree in arrays, and the search of paths in it: whole profiles at a time, no loop per node.

Every node has a 64-bit key made of the keys on the way to it, keyed by a secret of this process so that nobody can
prepare two paths of one key. Keys stay in memory: on disk a node is its parent, frame and line.
"""

from __future__ import annotations

import os
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from kibitz_server.store import Ints

Keys = npt.NDArray[np.uint64]

MOST_DEPTH = 10_000

_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_FRAME, _PARENT = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)
_SECRET = np.frombuffer(os.urandom(8), np.uint64)[0]
_LEAST_SLOTS = 1024


def _extension() -> ModuleType | None:
    try:
        return import_module("kibitz_server._native._tree")
    except ImportError:  # no compiler when it was installed: numpy does the same in five times the time
        return None


_tree = _extension()


class DepthError(ValueError):
    """A call tree deeper than `MOST_DEPTH`."""


def depths(parent: Ints) -> Ints:
    """Depth of each node, roots 0. All nodes climb at once, each time twice as far as the time before."""
    count = len(parent)
    above, depth = _above(parent), np.zeros(count + 1, np.int64)
    depth[:count] = parent >= 0
    while above.min(initial=count) < count:
        depth += depth.take(above, mode="clip")
        above = above.take(above, mode="clip")
    return depth[:count]


def checked_depths(parent: Ints) -> Ints:
    """`depths`; `DepthError` on a tree deeper than `MOST_DEPTH`."""
    depth = depths(parent)
    if depth.max(initial=0) >= MOST_DEPTH:
        raise DepthError(f"nodes: a stack of {depth.max() + 1} frames, at most {MOST_DEPTH} are kept")
    return depth


def path_keys(parent: Ints, frame: Ints | Keys, line: Ints, secret: np.uint64 = _SECRET) -> Keys:
    """Each node's key; nodes whose paths have equal frames and lines have equal keys, if the secret is the same.

    A node stands for a map x -> scale * x + shift, a path for its nodes' maps one after the other. Maps can be chained
    in any grouping, so that all paths double in length at each step, whatever their depth.
    """
    if _tree is not None:
        keys = np.empty(len(parent), np.uint64)
        _tree.path_keys(_wide(parent), _wide(frame), _wide(line), int(secret), keys)
        return keys
    own = frame.astype(np.uint64)
    own *= _FRAME
    own += line.view(np.uint64)
    own += secret
    _mix(own)
    count = len(parent)
    scale, shift = np.ones(count + 1, np.uint64), np.zeros(count + 1, np.uint64)
    np.bitwise_or(own, np.uint64(1), out=scale[:count])
    own += _PARENT
    _mix(own)
    shift[:count] = own
    above = _above(parent)
    while above.min(initial=count) < count:
        shift += scale * shift.take(above, mode="clip")
        scale *= scale.take(above, mode="clip")
        above = above.take(above, mode="clip")
    keys = shift[:count]
    scale *= _FRAME
    keys ^= scale[:count]
    _mix(keys)
    return keys


def _wide(column: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The column end to end, in 64 bits."""
    return np.ascontiguousarray(column, column.dtype if column.itemsize == 8 else np.int64)


def _above(parent: Ints) -> Ints:
    """Where each node's climb begins; one more place, at the end, stands above all roots."""
    above = np.full(len(parent) + 1, len(parent), np.int64)
    np.copyto(above[:-1], parent, where=parent >= 0)
    return above


def _mix(keys: Keys) -> None:
    """In place: every bit of the result depends on every bit of the key (Stafford's 13th variant of a 64-bit finaliser)."""
    keys ^= keys >> np.uint64(30)
    keys *= _FIRST
    keys ^= keys >> np.uint64(27)
    keys *= _SECOND
    keys ^= keys >> np.uint64(31)


class NodeTable:
    """Nodes in order of id, and an open-addressing table from key to id that is probed for many keys at once."""

    def __init__(self) -> None:
        self._count = 0
        self._columns = np.empty((4, 0), np.int64)  # parent, frame, line, depth
        self._keys = np.empty(0, np.uint64)
        self._slots = np.full(_LEAST_SLOTS, -1, np.int64)

    def __len__(self) -> int:
        return self._count

    def columns(self, start: int = 0) -> tuple[Ints, Ints, Ints, Ints]:
        """Parent, frame, line and depth of the nodes from id ``start`` on. Views: to be read, not written."""
        parent, frame, line, depth = self._columns[:, start : self._count]
        return parent, frame, line, depth

    def find(self, keys: Keys) -> Ints:
        """The id for each key, -1 where there is none."""
        if not self._count:
            return np.full(len(keys), -1, np.int64)
        if _tree is not None:
            ids = np.empty(len(keys), np.int64)
            _tree.find(_wide(keys), self._keys, self._slots, ids)
            return ids
        mask = len(self._slots) - 1
        slot = (keys & np.uint64(mask)).astype(np.int64)
        found = self._slots.take(slot)
        searching = np.flatnonzero((found >= 0) & (self._keys.take(found, mode="clip") != keys))
        slot = slot[searching]
        while len(searching):
            slot = (slot + 1) & mask
            found[searching] = candidate = self._slots[slot]
            on = (candidate >= 0) & (self._keys.take(candidate, mode="clip") != keys[searching])
            searching, slot = searching[on], slot[on]
        return found

    def intern(self, parent: Ints, frame: Ints, line: Ints, wanted: Ints) -> Ints:
        """Ids of the ``wanted`` rows of a call tree (parents before children); what is unknown of it is added.

        `DepthError` on a tree deeper than `MOST_DEPTH`, and nothing is added then.
        """
        keys = path_keys(parent, frame, line)
        found = self.find(keys.take(wanted))
        if found.min(initial=0) >= 0:  # the usual case: a service shows new leaves now and then only
            return found
        depth = checked_depths(parent)
        known = self.find(keys)
        rows = np.flatnonzero(known < 0)
        _, first = np.unique(keys[rows], return_index=True)
        rows = rows[np.sort(first)]
        if len(rows):
            self._add(parent, frame, line, depth, keys, rows)
        return self.find(keys[wanted])

    def load(self, parent: Ints, frame: Ints, line: Ints) -> None:
        """Take in nodes that follow those held, as ids: parents may be among those held already."""
        start = self._count
        whole = np.concatenate([self._columns[0, :start], parent])
        depth = depths(whole)
        frames = np.concatenate([self._columns[1, :start], frame])
        lines = np.concatenate([self._columns[2, :start], line])
        keys = path_keys(whole, frames, lines)
        self._append(parent, frame, line, depth[start:], keys[start:])

    def take(self, keys: Keys, parent_keys: Keys, frame: Ints, line: Ints, depth: Ints) -> None:
        """Add nodes that are not held, parents before children, under keys of the caller's; roots have parent key 0."""
        start = self._count
        self._append(np.full(len(keys), -1, np.int64), frame, line, depth, keys)
        inner = np.flatnonzero(parent_keys != 0)
        self._columns[0, start + inner] = self.find(parent_keys[inner])

    def cut(self, size: int) -> None:
        """Forget all nodes but the first ``size``."""
        if size < self._count:
            self._count = size
            self._slots.fill(-1)
            self._place(np.arange(size))

    def _add(self, parent: Ints, frame: Ints, line: Ints, depth: Ints, keys: Keys, rows: Ints) -> None:
        start = self._count
        self._append(np.full(len(rows), -1, np.int64), frame[rows], line[rows], depth[rows], keys[rows])
        inner = np.flatnonzero(parent[rows] >= 0)
        self._columns[0, start + inner] = self.find(keys[parent[rows[inner]]])

    def _append(self, parent: Ints, frame: Ints, line: Ints, depth: Ints, keys: Keys) -> None:
        end = self._count + len(parent)
        if end > len(self._keys):
            room = max(end, 2 * len(self._keys), _LEAST_SLOTS) - len(self._keys)
            self._columns = np.concatenate([self._columns, np.empty((4, room), np.int64)], axis=1)
            self._keys = np.concatenate([self._keys, np.empty(room, np.uint64)])
        self._columns[:, self._count : end] = parent, frame, line, depth
        self._keys[self._count : end] = keys
        first, self._count = self._count, end
        if 3 * end > len(self._slots):
            self._slots = np.full(1 << (4 * end).bit_length(), -1, np.int64)
            first = 0
        self._place(np.arange(first, end))

    def _place(self, ids: Ints) -> None:
        """Give every id a slot: all try theirs at once; who finds it taken, or loses it to another, goes on to the next."""
        mask = len(self._slots) - 1
        slot = (self._keys[ids] & np.uint64(mask)).astype(np.int64)
        while len(ids):
            free = self._slots[slot] < 0
            self._slots[slot[free]] = ids[free]
            on = self._slots[slot] != ids
            ids, slot = ids[on], (slot[on] + 1) & mask
