"""A merged profile as JSON in the tree form that AWS's agents post: what goes out can come in again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from kibitz_agent.profile import NO_PARENT
from kibitz_server import query
from kibitz_server.store import Span, Store

# A thread state as the counter that holds its samples; where there is none, nobody knows more than that time passed.
STATE_NAMES = {
    "": "WALL_TIME",
    "running": "RUNNABLE",
    "waiting": "WAITING",
    "blocked": "BLOCKED",
    "io": "IO",
    "lock": "LOCK",
    "sleep": "SLEEP",
}


@dataclass(slots=True)
class _Node:
    file: str = ""
    lines: tuple[int, int] | None = None
    counts: dict[str, int] = field(default_factory=dict)
    children: dict[str, _Node] = field(default_factory=dict)


def profile_json(store: Store, span: Span, max_depth: int | None = None) -> bytes:
    """The span's profiles merged. Frames of one name under one parent become one; ``max_depth`` folds what is deeper.

    Times are milliseconds since the epoch, counts are samples by thread state.
    """
    by_state = query.samples_by_state(store, span)
    root = _tree(by_state, max_depth)
    head = json.dumps({"start": int(span.start * 1000), "end": int(span.end * 1000)})[:-1]
    return "".join([head, ', "callgraph": ', *_written(root), "}"]).encode()


def _tree(by_state: query.StateSamples, max_depth: int | None) -> _Node:
    dictionary, root = by_state.dictionary, _Node()
    places: dict[int, tuple[_Node, int]] = {NO_PARENT: (root, 0)}
    totals = by_state.totals()
    for index in (totals > 0).nonzero()[0].tolist():  # a parent's id is below its children's
        parent, depth = places[int(dictionary.parent[index])]
        if max_depth is not None and depth >= max_depth:
            places[index] = (parent, depth)
            node = parent
        else:
            frame = dictionary.frames[dictionary.frame[index]]
            node = parent.children.setdefault(frame.name, _Node(frame.file))
            _see_line(node, int(dictionary.line[index]))
            places[index] = (node, depth + 1)
        for state, column in enumerate(by_state.states):
            count = int(by_state.counts[index, state])
            if count:
                name = STATE_NAMES.get(column, column.upper())
                node.counts[name] = node.counts.get(name, 0) + count
    return root


def _see_line(node: _Node, line: int) -> None:
    if line > 0:
        low, high = node.lines or (line, line)
        node.lines = (min(low, line), max(high, line))


def _written(root: _Node) -> Iterator[str]:
    """The tree as text, piece by piece: stacks may be deeper than Python's own."""
    pending: list[_Node | str] = [root]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            yield item
            continue
        yield "{" + _facts(item)
        pending.append("}")
        if item.children:
            yield (", " if _facts(item) else "") + '"children": {'
            pending.append("}")
            for position, (name, child) in enumerate(reversed(item.children.items())):
                pending.append(child)
                last_written = position == len(item.children) - 1
                pending.append(("" if last_written else ", ") + json.dumps(name) + ": ")


def _facts(node: _Node) -> str:
    facts: dict[str, object] = {}
    if node.counts:
        facts["counts"] = node.counts
    if node.file:
        facts["file"] = node.file
    if node.lines:
        facts["line"] = [node.lines[0]] if node.lines[0] == node.lines[1] else list(node.lines)
    return json.dumps(facts)[1:-1]
