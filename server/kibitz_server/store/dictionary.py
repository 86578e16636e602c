"""A group's dictionary in memory: gives dense ids to frames, nodes and label sets, the same ones the tables hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np

from kibitz_agent.profile import NO_PARENT, Frame, Labels, Profile
from kibitz_server.store import Dictionary, Ints

NodeKey = tuple[int, int, int]
_T = TypeVar("_T")


class GroupDictionary:
    """Grows by what `load` reads from the tables and by what `intern` meets in a profile. Not thread-safe."""

    def __init__(self) -> None:
        self._frames: dict[Frame, int] = {}
        self._nodes: dict[NodeKey, int] = {}
        self._label_sets: dict[Labels, int] = {}
        self._snapshot: Dictionary | None = None

    @property
    def sizes(self) -> tuple[int, int, int]:
        """How many frames, nodes and label sets are known: the next ids to give."""
        return len(self._frames), len(self._nodes), len(self._label_sets)

    def load(self, frames: Iterable[Frame], nodes: Iterable[NodeKey], label_sets: Iterable[Labels]) -> None:
        """Take in rows of the tables beyond `sizes`, in order of id."""
        for frame in frames:
            self._frames[frame] = len(self._frames)
        for node in nodes:
            self._nodes[node] = len(self._nodes)
        for labels in label_sets:
            self._label_sets[labels] = len(self._label_sets)

    def forget_beyond(self, sizes: tuple[int, int, int]) -> None:
        """Undo `intern` after its transaction failed."""
        _shorten(self._frames, sizes[0])
        _shorten(self._nodes, sizes[1])
        _shorten(self._label_sets, sizes[2])
        self._snapshot = None

    def intern(self, profile: Profile) -> tuple[Ints, Ints]:
        """Ids of each sample's node and label set, (n,) each; unknown ones are added."""
        frames = [
            self._frames.setdefault(frame, len(self._frames))
            for frame in map(profile.frame, range(len(profile.frame_name)))
        ]
        nodes: list[int] = []
        table = self._nodes
        for parent, frame, line in zip(
            profile.node_parent, profile.node_frame, profile.node_line, strict=True
        ):
            key = (NO_PARENT if parent == NO_PARENT else nodes[parent], frames[frame], line)
            nodes.append(table.setdefault(key, len(table)))
        label_sets = [
            self._label_sets.setdefault(tuple(sorted(labels)), len(self._label_sets))
            for labels in profile.label_sets
        ]
        by_node = np.array(nodes, np.int64)
        by_labels = np.array(label_sets, np.int64)
        return (
            by_node[np.asarray(profile.sample_node, np.int64)],
            by_labels[np.asarray(profile.sample_labels, np.int64)],
        )

    def added_since(
        self, sizes: tuple[int, int, int]
    ) -> tuple[Sequence[Frame], Sequence[NodeKey], Sequence[Labels]]:
        """The rows that the tables lack, in order of id."""
        return (
            _tail(self._frames, sizes[0]),
            _tail(self._nodes, sizes[1]),
            _tail(self._label_sets, sizes[2]),
        )

    def snapshot(self) -> Dictionary:
        """The dictionary as arrays; the same object until something is added."""
        if self._snapshot is None or (
            len(self._snapshot.parent) != len(self._nodes)
            or len(self._snapshot.label_sets) != len(self._label_sets)
        ):
            self._snapshot = _as_arrays(list(self._frames), list(self._nodes), list(self._label_sets))
        return self._snapshot


def _shorten(table: dict[_T, int], size: int) -> None:
    while len(table) > size:
        table.popitem()


def _tail(table: dict[_T, int], start: int) -> list[_T]:
    return list(table)[start:] if len(table) > start else []


def _as_arrays(frames: list[Frame], nodes: list[NodeKey], label_sets: list[Labels]) -> Dictionary:
    columns = np.array(nodes, np.int64).reshape(-1, 3)
    parent = columns[:, 0].copy()
    return Dictionary(parent, columns[:, 1].copy(), columns[:, 2].copy(), _depths(parent), frames, label_sets)


def _depths(parent: Ints) -> Ints:
    """Depth of each node, roots 0: all nodes climb one step at a time until every one is above its root."""
    depth = np.zeros(len(parent), np.int64)
    at = parent.copy()
    above = np.flatnonzero(at >= 0)
    while len(above):
        depth[above] += 1
        at[above] = parent[at[above]]
        above = above[at[above] >= 0]
    return depth
