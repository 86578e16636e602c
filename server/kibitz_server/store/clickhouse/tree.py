"""A group's call tree and series in one collector's memory: dense ids, in the order in which it met them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import numpy as np

from kibitz_agent.profile import Frame, Labels, Profile, ValueType
from kibitz_server.store import Dictionary, Ints
from kibitz_server.store.cardinality import Cardinality
from kibitz_server.store.dictionary import with_origin
from kibitz_server.store.nodes import Keys, NodeTable, path_keys

Location = tuple[str, str, int]


def hashed(*texts: object, key: bytes = b"") -> int:
    """A content-hashed id, 64 bits, never 0."""
    text = json.dumps(texts, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8, key=key).digest(), "little") or 1


class GroupTree:
    """``secret`` keys the ids of stacks: nobody can prepare two of one id. Not thread-safe."""

    def __init__(self, group_id: int, secret: bytes) -> None:
        self.group_id, self.secret = group_id, secret
        self.cardinality = Cardinality()
        self.nodes = NodeTable()
        self._key = np.frombuffer(secret[:8], np.uint64)[0]
        self._frames: dict[Location, int] = {}
        self._frame_keys: dict[Location, int] = {}
        self._label_sets: dict[Labels, int] = {}
        self._series: dict[int, tuple[int, tuple[ValueType, ...]]] = {}

    def stack_keys(self, parent: Ints, line: Ints, frame: Ints, frames: Sequence[Location]) -> Keys:
        """The id of each node's stack; ``frame`` (n,) says which of ``frames`` each node is."""
        known = self._frame_keys
        for one in frames:
            if one not in known:
                known[one] = hashed(*one, key=self.secret)
        keys = np.array([known[one] for one in frames], np.uint64)
        found = path_keys(parent, keys.take(frame) if len(frame) else keys, line, self._key)
        found[found == 0] = 1
        return found

    def learn(
        self, keys: Keys, parent_keys: Keys, depth: Ints, line: Ints, frames: Sequence[Location]
    ) -> None:
        """Take in stacks, parents before children, that may be known; parents of roots are 0."""
        _, first = np.unique(keys, return_index=True)
        first.sort()
        rows = first[self.nodes.find(keys[first]) < 0]
        if not len(rows):
            return
        ids = [
            self._frames.setdefault(one, len(self._frames)) for one in (frames[row] for row in rows.tolist())
        ]
        self.nodes.take(keys[rows], parent_keys[rows], np.array(ids, np.int64), line[rows], depth[rows])

    def series(self, labels: Labels, types: Sequence[ValueType]) -> tuple[int, str]:
        """The id of a label set with values of these types, and what says so in the table."""
        body = json.dumps([labels, [[kind.name, kind.unit] for kind in types]], separators=(",", ":"))
        return hashed(self.group_id, body), body

    def learn_series(self, series: int, body: str) -> None:
        """Take in a series."""
        if series not in self._series:
            pairs, types = json.loads(body)
            labels = tuple((key, value) for key, value in pairs)
            self.cardinality.learn(labels)
            number = self._label_sets.setdefault(labels, len(self._label_sets))
            self._series[series] = (number, tuple(ValueType(name, unit) for name, unit in types))

    @property
    def known_series(self) -> dict[int, tuple[int, tuple[ValueType, ...]]]:
        """Of each series the label set's number and the value types."""
        return self._series

    def labels_of(self, profile: Profile) -> list[Labels]:
        """The profile's label sets with its instance and revision, within the guards."""
        return [self.cardinality.folded(with_origin(labels, profile.header)) for labels in profile.label_sets]

    def dictionary(self) -> Dictionary:
        """The tree as the queries read it."""
        parent, frame, line, depth = (column.copy() for column in self.nodes.columns())
        frames = [Frame(*key) for key in self._frames]
        return Dictionary(parent, frame, line, depth, frames, list(self._label_sets))
