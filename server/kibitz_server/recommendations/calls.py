"""A call tree as the matcher wants it: arrays, with the tree's preorder, so that "somewhere below" is a sum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kibitz_agent.profile import GIL as WAITS_FOR_GIL
from kibitz_agent.profile import (
    NO_PARENT,
    RUNNING,
    THREAD_STATE,
    WAITS_FOR,
    Frame,
    Labels,
    Profile,
    ProfileBuilder,
    ValueType,
)
from kibitz_server.recommendations.pattern import CPU, GIL, WALL
from kibitz_server.store import Dictionary, Ints, Samples

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Calls:
    """``parent``, ``frame``, ``line`` by node; ``values`` by measure: self values by node, in ``unit``.

    ``first`` is a node's place in preorder, ``last`` that after its subtree: a node's descendants are [first + 1, last).
    """

    frames: Sequence[Frame]
    parent: Ints
    frame: Ints
    line: Ints
    first: Ints
    last: Ints
    values: Mapping[str, Ints]
    samples: Ints
    unit: str

    def below(self, marked: Mask) -> Mask:
        """Which nodes have a marked node above them."""
        change = np.zeros(len(self.parent) + 1, np.int64)
        np.add.at(change, self.first[marked] + 1, 1)
        np.add.at(change, self.last[marked], -1)
        return np.asarray(np.cumsum(change)[self.first] > 0)

    def path(self, node: int) -> list[int]:
        """Nodes from the root down to ``node``."""
        nodes = []
        while node != NO_PARENT:
            nodes.append(node)
            node = int(self.parent[node])
        return nodes[::-1]


def calls_of_profile(profile: Profile) -> Calls:
    """One profile's calls."""
    values = np.array([np.asarray(column, np.int64) for column in profile.values], np.int64)
    frames = [profile.frame(index) for index in range(len(profile.frame_name))]
    return _calls(
        frames,
        (
            np.asarray(profile.node_parent, np.int64),
            np.asarray(profile.node_frame, np.int64),
            np.asarray(profile.node_line, np.int64),
        ),
        (np.asarray(profile.sample_node, np.int64), np.asarray(profile.sample_labels, np.int64), values.T),
        profile.label_sets,
        profile.value_types,
    )


def calls_of_samples(samples: Samples, dictionary: Dictionary) -> Calls:
    """A span's calls."""
    return _calls(
        dictionary.frames,
        (dictionary.parent, dictionary.frame, dictionary.line),
        (samples.node, samples.labels, samples.values),
        dictionary.label_sets,
        samples.value_types,
    )


def calls_of_stacks(stacks: Mapping[str, int]) -> Calls:
    """Example stacks, ``{"a:f;b:g": 90}``, as calls: all of it CPU time, waiting for the lock too."""
    builder = ProfileBuilder((ValueType("samples", "count"),))
    for stack, count in stacks.items():
        frames = [Frame(name) for name in stack.split(";")]
        builder.add_stack(frames, [count], {WAITS_FOR: WAITS_FOR_GIL, THREAD_STATE: RUNNING})
    return calls_of_profile(builder.build())


def _calls(
    frames: Sequence[Frame],
    nodes: tuple[Ints, Ints, Ints],
    samples: tuple[Ints, Ints, Ints],
    label_sets: Sequence[Labels],
    value_types: Sequence[ValueType],
) -> Calls:
    parent, frame, line = nodes
    node, labels, values = samples
    names = [kind.name for kind in value_types]
    described = [dict(labels) for labels in label_sets] or [{}]
    running = np.array([one.get(THREAD_STATE, RUNNING) == RUNNING for one in described], bool)[labels]
    locked = np.array([one.get(WAITS_FOR) == WAITS_FOR_GIL for one in described], bool)[labels]
    count = values[:, names.index("samples") if "samples" in names else 0]
    wall = values[:, names.index("wall")] if "wall" in names else count
    timed = "wall" in names or "cpu" in names
    unit = "nanoseconds" if timed else value_types[0].unit
    cpu = values[:, names.index("cpu")] if "cpu" in names else np.where(running, wall, 0)
    first, last = _preorder(parent)

    def summed(column: Ints) -> Ints:
        sums = np.zeros(len(parent), np.int64)
        np.add.at(sums, node, column)
        return sums

    by_measure = {CPU: summed(cpu), WALL: summed(wall), GIL: summed(np.where(locked, wall, 0))}
    return Calls(frames, parent, frame, line, first, last, by_measure, summed(count), unit)


def _preorder(parent: Ints) -> tuple[Ints, Ints]:
    """Each node's place and the one after its subtree. A parent's index is below its children's."""
    parents = parent.tolist()
    sizes = [1] * len(parents)
    for node in range(len(parents) - 1, -1, -1):
        if parents[node] != NO_PARENT:
            sizes[parents[node]] += sizes[node]
    first, free, roots = [0] * len(parents), [0] * len(parents), 0
    for node, above in enumerate(parents):
        if above == NO_PARENT:
            first[node], roots = roots, roots + sizes[node]
        else:
            first[node] = free[above]
            free[above] += sizes[node]
        free[node] = first[node] + 1
    places = np.array(first, np.int64)
    return places, places + np.array(sizes, np.int64)
