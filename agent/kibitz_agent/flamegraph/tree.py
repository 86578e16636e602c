"""A profile's call tree with lines folded away, and pruned to a budget: plain functions from tree to tree."""

from __future__ import annotations

from dataclasses import dataclass

from kibitz_agent.profile import NO_PARENT, Frame, Profile, ValueType

ROOT = Frame("all")


@dataclass(frozen=True, slots=True)
class CallTree:
    """Columns per node: ``parent`` (-1 for node 0, the root), ``frame`` (into ``frames``), ``self[k]`` per value type.

    A parent precedes its children.
    """

    frames: list[Frame]
    parent: list[int]
    frame: list[int]
    value_types: tuple[ValueType, ...]
    self: list[list[int]]

    def totals(self) -> list[list[int]]:
        """Per value type and node: self of the node and of all below it."""
        sums = [list(column) for column in self.self]
        for column in sums:
            for node in range(len(self.parent) - 1, 0, -1):
                column[self.parent[node]] += column[node]
        return sums


def fold(profile: Profile) -> CallTree:
    """The profile's tree under one root, nodes of one function merged whatever line they were at."""
    frames = [ROOT, *map(profile.frame, range(len(profile.frame_name)))]
    parent, frame = [NO_PARENT], [0]
    places: dict[tuple[int, int], int] = {}
    mapped: list[int] = []
    for above, at in zip(profile.node_parent, profile.node_frame, strict=True):
        key = (0 if above == NO_PARENT else mapped[above], at + 1)
        node = places.setdefault(key, len(parent))
        if node == len(parent):
            parent.append(key[0])
            frame.append(key[1])
        mapped.append(node)
    columns = [[0] * len(parent) for _ in profile.value_types]
    for column, values in zip(columns, profile.values, strict=True):
        for sample, node in enumerate(profile.sample_node):
            column[mapped[node]] += values[sample]
    return CallTree(frames, parent, frame, profile.value_types, columns)


def prune(tree: CallTree, max_nodes: int) -> CallTree:
    """At most ``max_nodes`` nodes: the weightiest by any value; the rest of each parent's children becomes one node.

    `ValueError` below 2, where not even a root and its remainder fit.
    """
    if max_nodes < 2:
        raise ValueError(f"max_nodes: expected 2 or more, found {max_nodes}")
    if len(tree.parent) <= max_nodes:
        return tree
    totals = tree.totals()
    kept = _weightiest(tree, totals, max_nodes)
    return _with_remainders(tree, totals, kept)


def _weightiest(tree: CallTree, totals: list[list[int]], max_nodes: int) -> list[int]:
    # A parent weighs no less than its child and precedes it, so any prefix of this order is a tree.
    wholes = [column[0] or 1 for column in totals]
    share = [
        max(column[n] / whole for column, whole in zip(totals, wholes, strict=True))
        for n in range(len(tree.parent))
    ]
    order = sorted(range(len(tree.parent)), key=lambda node: (-share[node], node))
    children = [0] * len(tree.parent)
    for above in tree.parent[1:]:
        children[above] += 1
    best, remainders = 0, 0
    for count, node in enumerate(order, start=1):
        if node:
            above = tree.parent[node]
            children[above] -= 1
            remainders -= children[above] == 0
        remainders += children[node] > 0
        if count > max_nodes:
            break
        if count + remainders <= max_nodes:
            best = count
    return sorted(order[: max(1, best)])


def _with_remainders(tree: CallTree, totals: list[list[int]], kept: list[int]) -> CallTree:
    place = {node: index for index, node in enumerate(kept)}
    small, weight = [0] * len(kept), [[0] * len(kept) for _ in totals]
    owner = [0] * len(tree.parent)
    for node in range(1, len(tree.parent)):
        if node in place:
            continue
        above = tree.parent[node]
        if above in place:
            owner[node] = place[above]
            for column, total in zip(weight, totals, strict=True):
                column[owner[node]] += total[node]
        else:
            owner[node] = owner[above]
        small[owner[node]] += 1
    frames = list(tree.frames)
    parent = [NO_PARENT, *(place[tree.parent[node]] for node in kept[1:])]
    frame = [tree.frame[node] for node in kept]
    columns = [[column[node] for node in kept] for column in tree.self]
    for index in range(len(kept)):
        if small[index]:
            parent.append(index)
            frame.append(len(frames))
            frames.append(Frame(f"({small[index]} small frame{'s' if small[index] > 1 else ''})"))
            for column, weights in zip(columns, weight, strict=True):
                column.append(weights[index])
    return CallTree(frames, parent, frame, tree.value_types, columns)
