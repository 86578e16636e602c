"""A merged tree as the flame graph's payload: lines folded away, small frames gathered, columns and a string table."""

from __future__ import annotations

from typing import Any

import numpy as np

from kibitz_server import costs
from kibitz_server.query import Tree
from kibitz_server.store import Ints, Span

DEFAULT_NODES = 16_384
MOST_NODES = 100_000

ESTIMATED_STATES = (
    "Thread states are estimated from function names: the official AWS agent does not send them."
)


def payload(
    tree: Tree, span: Span, value: str, max_nodes: int = DEFAULT_NODES, price: costs.Price | None = None
) -> dict[str, Any]:
    """The payload for ``tree``; the ``max_nodes`` widest frames by ``value`` are kept.

    What is left out becomes one "(N small frames)" node under its parent, so that widths always add up. With a ``price``
    and CPU times, ``yearly_cost`` tells what all of it costs in a year.
    """
    column = tree.column(value)
    parent, frame, self_values = _fold_lines(tree)
    totals = _totals(parent, self_values)
    order = np.lexsort((np.arange(len(parent)), -totals[:, column]))
    order = order[totals[order, column] > 0][: max(1, max_nodes - 1)]
    kept = np.sort(
        order
    )  # a parent is at least as wide and comes first: the cut never separates a child from it
    small_at, small_values, small_counts = _remainders(parent, totals, self_values, kept)
    names = [f"({count} small frame{'s' if count > 1 else ''})" for count in small_counts.tolist()]
    position = np.zeros(len(parent) + 1, np.int64)
    position[kept] = np.arange(1, len(kept) + 1)
    strings, columns = _frame_table(tree, frame[kept], names)
    all_self = np.concatenate(
        [np.zeros((1, len(tree.value_types)), np.int64), self_values[kept], small_values]
    )
    parents = np.concatenate([[-1], position[parent[kept]], position[small_at]])
    return {
        "version": 1,
        "title": span.group,
        "subtitle": _subtitle(tree),
        "start": span.start,
        "end": span.end,
        "strings": strings,
        "frames": columns,
        "nodes": {"parent": parents.tolist(), "frame": _node_frames(frame[kept], len(names), columns)},
        "values": [
            {"name": kind.name, "unit": kind.unit, "self": all_self[:, index].tolist()}
            for index, kind in enumerate(tree.value_types)
        ],
        "notes": _notes(tree),
        "revision": tree.revisions[0] if tree.revisions else "",
        **_yearly_cost(tree, price),
    }


def _yearly_cost(tree: Tree, price: costs.Price | None) -> dict[str, Any]:
    column = next((k for k, kind in enumerate(tree.value_types) if kind.name == "cpu"), None)
    if (
        price is None
        or column is None
        or tree.value_types[column].unit != "nanoseconds"
        or tree.covered_s <= 0
    ):
        return {}
    cost = costs.yearly(int(tree.self_values[:, column].sum()) / 1e9, tree.covered_s, price)
    told = {"amount": round(cost.amount, 4), "currency": costs.sign(cost.currency), "basis": cost.basis}
    return {"yearly_cost": told}


def _fold_lines(tree: Tree) -> tuple[Ints, Ints, Ints]:
    """Nodes merged by (parent, frame), level by level: parent (-1 for roots), frame, self values."""
    dictionary = tree.dictionary
    folded = np.full(len(dictionary.parent) + 1, -1, np.int64)  # the last entry serves the parent -1
    parents, frames, next_id = [], [], 0
    for level in range(int(dictionary.depth.max(initial=-1)) + 1):
        nodes = np.flatnonzero(dictionary.depth == level)
        keys = np.stack([folded[dictionary.parent[nodes]], dictionary.frame[nodes]], axis=1)
        unique, inverse = np.unique(keys, axis=0, return_inverse=True)
        folded[nodes] = next_id + inverse.reshape(-1)
        next_id += len(unique)
        parents.append(unique[:, 0])
        frames.append(unique[:, 1])
    empty = np.empty(0, np.int64)
    self_values = np.zeros((next_id, len(tree.value_types)), np.int64)
    np.add.at(self_values, folded[:-1], tree.self_values)
    return np.concatenate([empty, *parents]), np.concatenate([empty, *frames]), self_values


def _totals(parent: Ints, self_values: Ints) -> Ints:
    totals = self_values.copy()
    depth = np.zeros(len(parent), np.int64)
    at = parent.copy()
    climbing = np.flatnonzero(at >= 0)
    while len(climbing):
        depth[climbing] += 1
        at[climbing] = parent[at[climbing]]
        climbing = climbing[at[climbing] >= 0]
    for level in range(int(depth.max(initial=0)), 0, -1):
        nodes = np.flatnonzero(depth == level)
        np.add.at(totals, parent[nodes], totals[nodes])
    return totals


def _remainders(parent: Ints, totals: Ints, self_values: Ints, kept: Ints) -> tuple[Ints, Ints, Ints]:
    """Where kept frames have cut-off children: the frame above (-1: the root), their values, how many they are."""
    is_kept = np.zeros(len(parent) + 1, bool)
    is_kept[kept] = True
    is_kept[-1] = True  # the root above everything
    cut = np.flatnonzero(~is_kept[:-1] & is_kept[parent])
    cut = cut[totals[cut].any(axis=1)]
    above, inverse = np.unique(parent[cut], return_inverse=True)
    values = np.zeros((len(above), self_values.shape[1]), np.int64)
    np.add.at(values, inverse, totals[cut])
    return above, values, np.bincount(inverse, minlength=len(above))


def _frame_table(tree: Tree, frames: Ints, small: list[str]) -> tuple[list[str], dict[str, list[int]]]:
    """The strings and the frames used: frame 0 is the root's, then those in the tree by id, then the small ones."""
    strings: dict[str, int] = {"": 0}
    columns: dict[str, list[int]] = {"name": [], "file": [], "line": []}

    def add(name: str, file: str = "", line: int = 0) -> None:
        columns["name"].append(strings.setdefault(name, len(strings)))
        columns["file"].append(strings.setdefault(file, len(strings)))
        columns["line"].append(line)

    add("all")
    for index in np.unique(frames).tolist():
        frame = tree.dictionary.frames[index]
        add(frame.name, frame.file, frame.line)
    for name in small:
        add(name)
    return list(strings), columns


def _node_frames(frames: Ints, small: int, columns: dict[str, list[int]]) -> list[int]:
    used = np.unique(frames)
    first_small = len(columns["name"]) - small
    return [0, *(np.searchsorted(used, frames) + 1).tolist(), *range(first_small, first_small + small)]


def _subtitle(tree: Tree) -> str:
    profiles = f"{tree.profiles} profile{'s' if tree.profiles != 1 else ''}"
    return f"{profiles} of {tree.instances} instance{'s' if tree.instances != 1 else ''}"


def _notes(tree: Tree) -> list[str]:
    notes = [f"A limit struck while sampling: {limit}" for limit in tree.limits]
    return [*notes, ESTIMATED_STATES] if tree.estimated_states else notes
