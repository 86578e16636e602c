"""The official AWS agent's JSON.

Its metadata is frozen after a process's first report, so durations come from the profile's own start and end, and the
number of ticks from the tree: the root chain of a thread that lived all along was seen at every one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kibitz_agent.profile import (
    NO_PARENT,
    SAMPLES,
    THREAD_STATE,
    WALL,
    Header,
    Overhead,
    Profile,
    ProfileBuilder,
)
from kibitz_server.ingest import (
    MAX_BODY_BYTES,
    IngestError,
    TooLargeError,
    built,
    inflate,
    json_tree,
    leaves,
    readable,
)

_ROOT = "callgraph"
_MAX_NODES = 1_000_000
_MAX_NAME = 16_384
_STATE_BY_COUNTER = {"RUNNABLE": "running", "NATIVE": "running", "BLOCKED": "blocked", "WAITING": "waiting"}


def decode(body: bytes) -> Profile:
    """A profile as PostAgentProfile carries it; ``counts`` are samples, wall time is derived from the period."""
    body = inflate(body)
    if len(body) > MAX_BODY_BYTES:
        raise TooLargeError(f"{len(body)} bytes, at most {MAX_BODY_BYTES} are accepted")
    try:
        document = json_tree.loads(body.decode("utf-8"))
    except (UnicodeDecodeError, json_tree.JsonError) as error:
        raise IngestError(f"not JSON: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get(_ROOT), dict):
        raise IngestError(f"expected an object with a member {_ROOT!r}")
    start_ns, end_ns = _time(document, "start"), _time(document, "end")
    if end_ns < start_ns:
        raise IngestError("end: earlier than start")
    return _profile(document, start_ns, end_ns)


def _time(document: Mapping[str, Any], name: str) -> int:
    value = document.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 43:
        raise IngestError(f"{name}: expected milliseconds since the epoch")
    return value * 1_000_000


def _profile(document: Mapping[str, Any], start_ns: int, end_ns: int) -> Profile:
    tree = document[_ROOT]
    ticks = _ticks(tree, document)
    wall_ns = (end_ns - start_ns) // ticks if ticks else 0
    builder = ProfileBuilder((SAMPLES, WALL))
    pending: list[tuple[int, Any]] = [(NO_PARENT, tree)]
    while pending:
        parent, node = pending.pop()
        for name, child in _children(node).items():
            if not isinstance(child, dict):
                raise IngestError(f"callgraph: {name[:80]!r} is no object")
            place = builder.node(
                parent, builder.frame(readable(name[:_MAX_NAME]), _file(child)), _line(child)
            )
            if builder.node_count > _MAX_NODES:
                raise TooLargeError(f"callgraph: more than {_MAX_NODES} nodes")
            for state, count in _counts(child, name).items():
                labels = {THREAD_STATE: state, leaves.STATE_SOURCE: leaves.LEAF}
                builder.add(place, (count, count * wall_ns), builder.label_set(labels))
            pending.append((place, child))
    return built(builder, _header(document, start_ns, end_ns, wall_ns))


def _children(node: Mapping[str, Any]) -> Mapping[str, Any]:
    children = node.get("children", {})
    if not isinstance(children, dict):
        raise IngestError("callgraph: children must be an object")
    return children


def _file(node: Mapping[str, Any]) -> str:
    file = node.get("file", "")
    return readable(file[:_MAX_NAME]) if isinstance(file, str) else ""


def _line(node: Mapping[str, Any]) -> int:
    line = node.get("line")
    if isinstance(line, list) and line and isinstance(line[0], int) and 0 <= line[0] < 1 << 31:
        return line[0]
    return 0


def _counts(node: Mapping[str, Any], name: str) -> dict[str, int]:
    """Self counts by thread state. The Python agent's WALL_TIME says nothing of it: the frame's name does."""
    counts = node.get("counts", {})
    if not isinstance(counts, dict):
        raise IngestError(f"callgraph: counts of {name[:80]!r} must be an object")
    by_state: dict[str, int] = {}
    for counter, count in counts.items():
        if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count < 1 << 40:
            raise IngestError(f"callgraph: count {counter[:40]!r} of {name[:80]!r} must be a whole number")
        state = (
            leaves.state_of(name)
            if counter == "WALL_TIME"
            else _STATE_BY_COUNTER.get(counter, counter.lower()[:40])
        )
        by_state[state] = by_state.get(state, 0) + count
    return by_state


def _ticks(tree: Mapping[str, Any], document: Mapping[str, Any]) -> int:
    """How often the agent looked: no thread can be seen more often, and the main thread is seen every time."""
    most = max((_total(child) for child in _children(tree).values() if isinstance(child, dict)), default=0)
    # Threads that start in the same function share a root: the agent's own count is a better guess where it is smaller
    # but for the frozen metadata, which cannot be told from a fresh one. Bound it by the period at 1 ms a tick.
    metadata = document.get("agentMetadata")
    claimed = metadata.get("numTimesSampled") if isinstance(metadata, dict) else None
    threads = _threads(metadata)
    by_tree = max(1, round(_total(tree) / threads)) if threads else most
    if isinstance(claimed, int) and 0 < claimed <= most and abs(claimed - by_tree) <= max(2, by_tree // 10):
        return claimed
    return by_tree or most


def _threads(metadata: object) -> float:
    """Threads in the profile on average; the agent counts its own, which it does not sample."""
    metrics = metadata.get("metrics") if isinstance(metadata, dict) else None
    count = metrics.get("numThreads") if isinstance(metrics, dict) else None
    return float(count) - 1 if isinstance(count, int | float) and 1 < count < 1e6 else 0.0


def _total(node: Mapping[str, Any]) -> int:
    total, pending = 0, [node]
    while pending:
        current = pending.pop()
        counts = current.get("counts")
        if isinstance(counts, dict):
            total += sum(count for count in counts.values() if isinstance(count, int))
        children = current.get("children")
        if isinstance(children, dict):
            pending += [child for child in children.values() if isinstance(child, dict)]
    return total


def _header(document: Mapping[str, Any], start_ns: int, end_ns: int, wall_ns: int) -> Header:
    metadata = _object(document.get("agentMetadata"))
    fleet, agent = _object(metadata.get("fleetInfo")), _object(metadata.get("agentInfo"))
    overhead, debug = _object(metadata.get("agentOverhead")), _object(document.get("debugInfo"))
    instance = next(
        (fleet[key] for key in ("id", "hostName", "taskArn", "functionArn") if _text(fleet.get(key))), ""
    )
    process_id = debug.get("processId")
    cpus = fleet.get("vCPUs")
    return Header(
        instance=str(instance)[:1024],
        process_id=process_id if isinstance(process_id, int) and 0 <= process_id < 1 << 31 else 0,
        start_ns=start_ns,
        end_ns=end_ns,
        interval_ns=wall_ns,
        runtime=_text(metadata.get("runtimeVersion")),
        agent_version=f"{_text(agent.get('type'))} {_text(agent.get('version'))}".strip(),
        sampler="aws",
        overhead=Overhead(cpu_ns=_milliseconds(overhead.get("timeInMs"))),
        host={"cpus": cpus} if isinstance(cpus, int | float) else {},
    )


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value[:256] if isinstance(value, str) else ""


def _milliseconds(value: object) -> int:
    return int(value * 1e6) if isinstance(value, int | float) and 0 <= value < 1e12 else 0
