"""A profile as text for a terminal: where the time went, as a tree, and the lines it went to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

from kibitz_agent.exporters.collapsed import escaped
from kibitz_agent.profile import NO_PARENT, Profile

LEAST_SHARE = 0.01
"""A branch that took less of the whole is left out, and said to be."""

_LINES = 10
_NARROWEST = 40


@dataclass(frozen=True, slots=True)
class _Weights:
    """Per node: what was measured in it and below (``total``), and in it alone (``own``)."""

    total: list[int]
    own: list[int]
    whole: int


def summary(profile: Profile, columns: int = 100, rows: int = 40, value: str = "wall") -> str:
    """The hottest branches as a tree and the hottest lines, at most ``rows`` of the tree, each line ``columns`` wide.

    ``value`` names the type of values that counts: samples, wall or cpu.
    """
    weights = _weigh(profile, value)
    if not weights.whole:
        return "nothing was sampled\n"
    columns = max(columns, _NARROWEST)
    lines = [_headline(profile), "  total    self  function"]
    lines += _tree(profile, weights, columns, rows)
    lines += ["", "   self  line", *_hot_lines(profile, weights, columns)]
    return "\n".join(lines) + "\n"


def _weigh(profile: Profile, value: str) -> _Weights:
    column = profile.values[profile.value_index(value)]
    own = [0] * len(profile.node_parent)
    for node, weight in zip(profile.sample_node, column, strict=True):
        own[node] += weight
    total = list(own)
    # A parent precedes its children.
    for node in range(len(total) - 1, -1, -1):
        if profile.node_parent[node] != NO_PARENT:
            total[profile.node_parent[node]] += total[node]
    return _Weights(total, own, sum(own))


def _headline(profile: Profile) -> str:
    header = profile.header
    parts = [f"{profile.total():,} samples"]
    if header.duration_ns:
        parts.append(f"{header.duration_ns / 1e9:.1f} s")
    parts.append(f"{profile.total('cpu') / 1e9:.1f} s of CPU time")
    limits = f" ({', '.join(header.limits)} struck)" if header.limits else ""
    return ", ".join(parts) + limits


@dataclass(slots=True)
class _Branch:
    """Calls of one function from one place: nodes of the same frame below the same branch are one, whatever the line."""

    frame: int
    depth: int
    total: int
    own: int
    nodes: list[int]


def _tree(profile: Profile, weights: _Weights, columns: int, rows: int) -> list[str]:
    children: dict[int, list[int]] = {}
    for node, parent in enumerate(profile.node_parent):
        children.setdefault(parent, []).append(node)
    lines: list[str] = []
    waiting = _branches(profile, weights, children.get(NO_PARENT, []), 0)
    hidden = False
    while waiting:
        branch = waiting.pop()
        if branch.total < LEAST_SHARE * weights.whole or len(lines) >= rows:
            hidden = True
            continue
        lines.append(_row(profile, weights, branch, columns))
        below = [child for node in branch.nodes for child in children.get(node, [])]
        waiting += _branches(profile, weights, below, branch.depth + 1)
    return [*lines, "                 (smaller branches are left out)"] if hidden else lines


def _branches(profile: Profile, weights: _Weights, nodes: list[int], depth: int) -> list[_Branch]:
    """The branches of these nodes, the heaviest last."""
    found: dict[int, _Branch] = {}
    for node in nodes:
        frame = profile.node_frame[node]
        branch = found.setdefault(frame, _Branch(frame, depth, 0, 0, []))
        branch.total += weights.total[node]
        branch.own += weights.own[node]
        branch.nodes.append(node)
    return sorted(found.values(), key=lambda branch: branch.total)


def _row(profile: Profile, weights: _Weights, branch: _Branch, columns: int) -> str:
    frame = profile.frame(branch.frame)
    shares = f"{_share(branch.total, weights.whole)} {_share(branch.own, weights.whole)}  "
    # Deep stacks keep room for the name: the indent stops growing half way.
    indent = min(branch.depth, (columns - len(shares)) // 2)
    return f"{shares}{' ' * indent}{escaped(frame.name)}"[:columns].rstrip()


def _hot_lines(profile: Profile, weights: _Weights, columns: int) -> list[str]:
    found: dict[tuple[str, int, str], int] = {}
    for node, weight in enumerate(weights.own):
        if weight:
            frame = profile.frame(profile.node_frame[node])
            key = (frame.file, profile.node_line[node], frame.name)
            found[key] = found.get(key, 0) + weight
    hottest = sorted(found.items(), key=lambda item: (-item[1], item[0]))[:_LINES]
    return [
        f"{_share(weight, weights.whole)}  {escaped(PurePath(file).name)}:{line}  {escaped(name)}"[
            :columns
        ].rstrip()
        for (file, line, name), weight in hottest
    ]


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:5.1f} %"
