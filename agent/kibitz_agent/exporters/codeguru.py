"""The JSON that Amazon CodeGuru Profiler takes from agents. Equal profiles give equal bytes.

The tree is written without recursion: a stack may be deeper than Python's own limit. Frames of one name under one parent
become one node, whatever file they are of, and their counts add up.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from kibitz_agent.profile import Profile

_MS_NS = 1_000_000


@dataclass(slots=True)
class _Node:
    name: str
    file: str = ""
    first_line: int = 0
    last_line: int = 0
    count: int = 0
    children: dict[str, int] = field(default_factory=dict)


def encode(profile: Profile) -> bytes:
    """The profile's sample counts by call tree, with what the service wants to know of its making."""
    header = profile.header
    parts = [
        f'{{"start": {header.start_ns // _MS_NS}, "end": {header.end_ns // _MS_NS}',
        f'"agentMetadata": {json.dumps(_metadata(profile))}',
        f'"callgraph": {"".join(_written(_tree(profile)))}',
        f'"debugInfo": {json.dumps(_debug(profile))}}}',
    ]
    return ", ".join(parts).encode("utf-8", "backslashreplace")


def _tree(profile: Profile) -> list[_Node]:
    nodes = [_Node("ALL")]
    places: list[int] = []
    columns = zip(profile.node_parent, profile.node_frame, profile.node_line, strict=True)
    for parent, frame_index, line in columns:
        frame = profile.frame(frame_index)
        name = _name(frame.name)
        siblings = nodes[places[parent] if parent >= 0 else 0].children
        place = siblings.setdefault(name, len(nodes))
        if place == len(nodes):
            nodes.append(_Node(name, frame.file, line, line))
        places.append(place)
        node = nodes[place]
        if line and node.file == frame.file:
            node.first_line = min(node.first_line or line, line)
            node.last_line = max(node.last_line, line)
    for sample, at in enumerate(profile.sample_node):
        nodes[places[at]].count += profile.values[profile.value_index("samples")][sample]
    return nodes


def _name(name: str) -> str:
    """``module:Class.function`` as the service writes it: ``module:Class:function``."""
    module, separator, function = name.partition(":")
    owner, dot, last = function.rpartition(".")
    return f"{module}:{owner}:{last}" if separator and dot and owner else name


def _written(nodes: list[_Node]) -> Iterator[str]:
    pending: list[str | int] = [0]
    while pending:
        part = pending.pop()
        if isinstance(part, str):
            yield part
            continue
        node = nodes[part]
        yield f"{{{_fields(node)}"
        if not node.children:
            yield "}"
            continue
        yield f'{", " if _fields(node) else ""}"children": {{'
        pending.append("}}")
        for number, (name, child) in reversed(list(enumerate(node.children.items()))):
            pending.append(child)
            pending.append(f"{', ' if number else ''}{json.dumps(name)}: ")


def _fields(node: _Node) -> str:
    told: dict[str, Any] = {}
    if node.count:
        told["counts"] = {"WALL_TIME": node.count}
    if node.file:
        told["file"] = node.file
    if node.first_line:
        told["line"] = sorted({node.first_line, node.last_line})
    return json.dumps(told)[1:-1]


def _metadata(profile: Profile) -> dict[str, Any]:
    """Of this profile alone: nothing here is carried over from the one before."""
    header, overhead = profile.header, profile.header.overhead
    seconds, samples = header.duration_ns / 1e9, profile.total()
    ticks = overhead.ticks or (header.duration_ns // header.interval_ns if header.interval_ns else 0)
    return {
        "sampleWeights": {"WALL_TIME": ticks / seconds if seconds and ticks else 1.0},
        "durationInMs": header.duration_ns // _MS_NS,
        "fleetInfo": {
            "id": header.instance,
            "type": "UNKNOWN",
            "vCPUs": header.host.get("cpus", 1),
        },
        "agentInfo": {"type": "Kibitz", "version": header.agent_version},
        "agentOverhead": {
            "memoryInMB": overhead.memory_bytes >> 20,
            "timeInMs": overhead.cpu_ns // _MS_NS,
        },
        "runtimeVersion": header.runtime,
        "cpuTimeInSeconds": header.process_cpu_ns / 1e9,
        # The service counts the agent's own thread among them.
        "metrics": {"numThreads": samples / ticks + 1 if ticks else 1.0},
        "numTimesSampled": ticks,
    }


def _debug(profile: Profile) -> dict[str, Any]:
    started = datetime.fromtimestamp(profile.header.start_ns / 1e9, UTC)
    return {
        "agentStartTime": started.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "processId": profile.header.process_id,
        "errorsCount": {},
        "genericMetrics": {},
    }
