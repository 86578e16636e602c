"""A report on its way into the tables: the ids of its stacks and series, and its block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kibitz_agent.wire import header_to_fields
from kibitz_server.store import Ints, Part, Report
from kibitz_server.store.clickhouse import heads
from kibitz_server.store.clickhouse.tree import GroupTree, Location, hashed
from kibitz_server.store.intake import report_part
from kibitz_server.store.nodes import Keys, depths


@dataclass(frozen=True, slots=True)
class Arrival:
    """A report as hashed ids: of each node its stack, parent's stack, depth, line and frame; of each sample its series."""

    stacks: Keys
    parents: Keys
    depth: Ints
    line: Ints
    frames: Sequence[Location]
    bodies: dict[int, str]
    sample_stack: Keys
    sample_series: Keys
    values: Ints
    part: Part
    header: Mapping[str, Any]
    token: str

    @classmethod
    def of(cls, report: Report, tree: GroupTree) -> Arrival:
        """The report in the terms of its group's tree."""
        profile = report.profile
        parent, line = _ints(profile.node_parent), _ints(profile.node_line)
        frame, depth = _ints(profile.node_frame), depths(parent)
        table = [
            (profile.strings[name], profile.strings[file], first)
            for name, file, first in zip(
                profile.frame_name, profile.frame_file, profile.frame_line, strict=True
            )
        ]
        stacks = tree.stack_keys(parent, line, frame, table)
        series = [tree.series(labels, profile.value_types) for labels in tree.labels_of(profile)]
        ids = np.array([one for one, _ in series], np.uint64)
        return cls(
            stacks,
            np.where(parent < 0, np.uint64(0), stacks.take(parent, mode="clip")) if len(stacks) else stacks,
            depth,
            line,
            [table[one] for one in frame.tolist()],
            dict(series),
            stacks.take(_ints(profile.sample_node)),
            ids.take(_ints(profile.sample_labels)),
            np.stack([_ints(column) for column in profile.values], axis=1),
            report_part(profile),
            header_to_fields(profile.header),
            report.token,
        )

    def learned(self, tree: GroupTree) -> None:
        """Have the tree know what is in the tables now."""
        order = np.argsort(self.depth, kind="stable")
        frames = [self.frames[row] for row in order.tolist()]
        tree.learn(self.stacks[order], self.parents[order], self.depth[order], self.line[order], frames)
        for series, body in self.bodies.items():
            tree.learn_series(series, body)


def new_stacks(tree: GroupTree, arrivals: Sequence[Arrival]) -> dict[str, Any]:
    """Columns of the stacks that the tree does not know yet."""
    rows: dict[int, tuple[Any, ...]] = {}
    for arrival in arrivals:
        for row in np.flatnonzero(tree.nodes.find(arrival.stacks) < 0).tolist():
            name, file, first = arrival.frames[row]
            rows[int(arrival.stacks[row])] = (
                int(arrival.parents[row]),
                int(arrival.depth[row]),
                name,
                file,
                first,
                int(arrival.line[row]),
            )
    names = ("parent", "depth", "name", "file", "first", "line")
    columns = list(zip(*rows.values(), strict=True)) if rows else [()] * len(names)
    return {"grp": [tree.group_id] * len(rows), "stack": list(rows), **dict(zip(names, columns, strict=True))}


def new_series(tree: GroupTree, arrivals: Sequence[Arrival]) -> dict[str, Any]:
    """Columns of the series that the tree does not know yet."""
    new = {
        series: body
        for arrival in arrivals
        for series, body in arrival.bodies.items()
        if series not in tree.known_series
    }
    return {"grp": [tree.group_id] * len(new), "series": list(new), "body": list(new.values())}


def block(tree: GroupTree, arrival: Arrival) -> dict[str, Any]:
    """The report's rows: its head, then its samples."""
    return report_block(
        tree,
        arrival.token,
        heads.text_of(arrival.part, arrival.header),
        arrival.part.end,
        arrival.sample_series,
        arrival.sample_stack,
        arrival.values,
    )


def report_block(
    tree: GroupTree, token: str, head: str, ended: float, series: Keys, stacks: Keys, values: Ints
) -> dict[str, Any]:
    """Rows of the table of samples; ``ended`` in epoch seconds, ``series``, ``stacks`` (n,), ``values`` (n, value types)."""
    count = len(stacks)
    return {
        "series": [tree.group_id, *series.tolist()],
        "stack": [0, *stacks.tolist()],
        "t": [ended] * (count + 1),
        "report": [hashed(tree.group_id, token)] * (count + 1),
        "token": [token] + [""] * count,
        "head": [head] + [""] * count,
        "vals": [[], *values.tolist()],
    }


def _ints(column: Sequence[int]) -> Ints:
    return np.array(column, np.int64) if len(column) else np.empty(0, np.int64)
