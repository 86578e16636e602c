"""A group's dictionary in memory: dense ids for frames, nodes and label sets, the same ones the store holds.

It may be ahead of the store by what reports on their way have brought; `persisted` says what the store has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

import numpy as np

from kibitz_agent.profile import Frame, Header, Labels, Profile, ProfileError
from kibitz_server.store import Dictionary, Ints
from kibitz_server.store.cardinality import Cardinality
from kibitz_server.store.nodes import DepthError, NodeTable

Sizes = tuple[int, int, int]
INSTANCE, REVISION = "instance", "revision"
_T = TypeVar("_T")


class GroupDictionary:
    """Grows by what `load_*` read from the store and by what `intern` meets in a profile. Not thread-safe."""

    def __init__(self, identity: tuple[int, float] | None = None) -> None:
        """``identity``: the group's number and when it was made, None if the store does not have it yet.

        Numbers of groups that were deleted may be given again.
        """
        self.identity = identity
        self.generation = 0
        self.persisted: Sizes = (0, 0, 0)
        self.cardinality = Cardinality()
        self._frames: dict[tuple[str, str, int], int] = {}
        self._nodes = NodeTable()
        self._label_sets: dict[Labels, int] = {}
        self._snapshot: Dictionary | None = None

    @property
    def sizes(self) -> Sizes:
        """How many frames, nodes and label sets are known: the next ids to give."""
        return len(self._frames), len(self._nodes), len(self._label_sets)

    @property
    def ahead(self) -> bool:
        """Whether something is known here that the store does not have yet."""
        return self.sizes != self.persisted

    def roll_back(self) -> None:
        """Forget what the store does not have: ids given for it since are nobody's, and belong to an older generation."""
        frames, nodes, label_sets = self.persisted
        _cut(self._frames, frames)
        self._nodes.cut(nodes)
        _cut(self._label_sets, label_sets)
        self.cardinality.forget()
        for labels in self._label_sets:
            self.cardinality.learn(labels)
        self._snapshot = None
        self.generation += 1

    def load_frames(self, frames: Iterable[tuple[str, str, int]]) -> None:
        """Take in frames that follow those held."""
        for frame in frames:
            self._frames[frame] = len(self._frames)

    def load_nodes(self, parent: Ints, frame: Ints, line: Ints) -> None:
        """Take in nodes that follow those held."""
        self._nodes.load(parent, frame, line)

    def load_label_sets(self, label_sets: Iterable[Labels]) -> None:
        """Take in label sets that follow those held."""
        for labels in label_sets:
            self._label_sets[labels] = len(self._label_sets)
            self.cardinality.learn(labels)

    def intern(self, profile: Profile) -> tuple[Ints, Ints]:
        """Ids of each sample's node and label set, (n,) each; unknown ones are added.

        The instance and the revision of the profile join its samples' labels. `ProfileError` on a tree too deep.
        """
        try:
            nodes = self._nodes.intern(
                _ints(profile.node_parent, np.int32),
                self._frame_ids(profile).take(_ints(profile.node_frame, np.uint32)),
                _ints(profile.node_line, np.uint32),
                _ints(profile.sample_node, np.uint32),
            )
        except DepthError as error:
            raise ProfileError(str(error)) from error
        label_ids = np.array([self._label_set(labels, profile) for labels in profile.label_sets], np.int64)
        return nodes, label_ids.take(_ints(profile.sample_labels, np.uint32))

    def _frame_ids(self, profile: Profile) -> Ints:
        count = len(profile.frame_name)
        try:  # the usual case: all are known, and no line of Python runs for each
            return np.fromiter(map(self._frames.__getitem__, _frames(profile)), np.int64, count)
        except KeyError:
            frames = self._frames
            ids = (frames.setdefault(frame, len(frames)) for frame in _frames(profile))
            return np.fromiter(ids, np.int64, count)

    def frames_since(self, start: int) -> list[tuple[str, str, int]]:
        """Frames from id ``start`` on."""
        return _tail(self._frames, start)

    def nodes_since(self, start: int) -> tuple[Ints, Ints, Ints]:
        """Parents, frames and lines of the nodes from id ``start`` on."""
        return self._nodes.columns(start)[:3]

    def label_sets_since(self, start: int) -> list[Labels]:
        """Label sets from id ``start`` on."""
        return _tail(self._label_sets, start)

    def snapshot(self) -> Dictionary:
        """The dictionary as arrays; the same object until something is added."""
        held = self._snapshot
        if held is None or (len(held.parent), len(held.label_sets)) != self.sizes[1:]:
            parent, frame, line, depth = (column.copy() for column in self._nodes.columns())
            frames = [Frame(*key) for key in self._frames]
            held = Dictionary(parent, frame, line, depth, frames, list(self._label_sets))
            self._snapshot = held
        return held

    def _label_set(self, labels: Labels, profile: Profile) -> int:
        key = self.cardinality.folded(with_origin(labels, profile.header))
        return self._label_sets.setdefault(key, len(self._label_sets))


def with_origin(labels: Labels, header: Header) -> Labels:
    """A sample's labels with the instance and the revision of its profile."""
    pairs = dict(labels)
    if header.instance:
        pairs[INSTANCE] = header.instance
    if header.revision:
        pairs[REVISION] = header.revision
    return tuple(sorted(pairs.items()))


def _frames(profile: Profile) -> Iterator[tuple[str, str, int]]:
    text = profile.strings.__getitem__
    return zip(map(text, profile.frame_name), map(text, profile.frame_file), profile.frame_line, strict=True)


def _ints(column: Sequence[int], dtype: type) -> Ints:
    return np.frombuffer(column, dtype).astype(np.int64) if len(column) else np.empty(0, np.int64)  # type: ignore[call-overload]


def _cut(table: dict[_T, int], size: int) -> None:
    while len(table) > size:
        table.popitem()


def _tail(table: dict[_T, int], start: int) -> list[_T]:
    return list(islice(table, start, None))
