"""Stacks as text, ``a;b;c 42`` a line, or a line a sample without a number; and as Pyroscope's binary tries and trees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kibitz_agent.profile import SAMPLES, WALL, Frame, Profile, ProfileBuilder, ValueType
from kibitz_server.ingest import MAX_BODY_BYTES, IngestError, TooLargeError, built, inflate
from kibitz_server.ingest.protobuf import varint

_MOST_FRAMES = 10_000
_MOST_COUNT = 1 << 40
_MOST_NODES = 2_000_000

UNITS: Mapping[str, ValueType] = {
    "samples": SAMPLES,
    "objects": ValueType("objects", "count"),
    "bytes": ValueType("space", "bytes"),
    "goroutines": ValueType("goroutines", "count"),
    "exceptions": ValueType("exceptions", "count"),
    "lock_samples": ValueType("contentions", "count"),
    "lock_nanoseconds": ValueType("delay", "nanoseconds"),
}
"""What the numbers may be, by the name that Pyroscope's SDKs have for it."""


def decode(
    body: bytes, sample_rate_hz: int = 100, *, counted: bool = True, kind: ValueType = SAMPLES
) -> Profile:
    """A profile of values of one kind, of samples also the wall time they stand for.

    ``counted``: each line ends in its value; else each is one.
    """
    lines = enumerate(_text(_checked(body)).split("\n"), 1)
    parts = (
        _parts(line.rstrip("\r"), number) if counted else (line.rstrip("\r"), 1)
        for number, line in lines
        if line.strip()
    )
    return _profile(parts, sample_rate_hz, kind)


def decode_tree(body: bytes, sample_rate_hz: int = 100, kind: ValueType = SAMPLES) -> Profile:
    """A profile from a tree of frames: each node a name, its own value and how many children follow it."""
    return _profile(_keys(_checked(body), ";"), sample_rate_hz, kind)


def decode_trie(body: bytes, sample_rate_hz: int = 100, kind: ValueType = SAMPLES) -> Profile:
    """A profile from a tree of text: collapsed stacks, what they begin with in common written once."""
    return _profile(_keys(_checked(body), ""), sample_rate_hz, kind)


def _checked(body: bytes) -> bytes:
    body = inflate(body)
    if len(body) > MAX_BODY_BYTES:
        raise TooLargeError(f"{len(body)} bytes, at most {MAX_BODY_BYTES} are accepted")
    return body


def _profile(stacks: Iterator[tuple[str, int]], sample_rate_hz: int, kind: ValueType) -> Profile:
    builder = ProfileBuilder((SAMPLES, WALL) if kind == SAMPLES else (kind,))
    for number, (stack, count) in enumerate(stacks, 1):
        names = stack.split(";")
        if len(names) > _MOST_FRAMES or builder.node_count > _MOST_NODES:
            raise TooLargeError(
                f"stack {number}: more than {_MOST_FRAMES} frames, or {_MOST_NODES} nodes in all"
            )
        wall_ns = count * 1_000_000_000 // sample_rate_hz
        builder.add_stack(
            [Frame(name or "?") for name in names], (count, wall_ns) if kind == SAMPLES else (count,)
        )
    return built(builder)


def _parts(line: str, number: int) -> tuple[str, int]:
    stack, _, count = line.rpartition(" ")
    if not stack or not count.isascii() or not count.isdigit() or len(count) > 13 or int(count) > _MOST_COUNT:
        raise IngestError(f"line {number}: expected frames;separated;so and a number, found {line[:80]!r}")
    return stack, int(count)


def _keys(body: bytes, between: str) -> Iterator[tuple[str, int]]:
    """(stack, value) of the nodes that have a value, each written before its children; the root's name is empty."""
    message, at, copied = memoryview(body), 0, 0
    above: list[tuple[bytes, int]] = [
        (b"", 1)
    ]  # what leads to a node, and how many children are still to come
    while above:
        key, left = above.pop()
        if left > 1:
            above.append((key, left - 1))
        size, at = varint(message, at)
        if size > len(body) - at:
            raise IngestError(f"a name of {size} bytes, {len(body) - at} are left")
        joined = key + between.encode() if key else key
        key, at = joined + bytes(message[at : at + size]), at + size
        copied += len(key)
        if copied > MAX_BODY_BYTES or len(above) > _MOST_FRAMES:  # as text it would be as large
            raise TooLargeError(
                f"stacks of more than {MAX_BODY_BYTES} bytes in all, or of {_MOST_FRAMES} frames"
            )
        value, at = varint(message, at)
        children, at = varint(message, at)
        if value > _MOST_COUNT or children > _MOST_NODES:
            raise IngestError(f"a value of {value}, {children} children")
        if value and key:
            yield _text(key), value
        if children:
            above.append((key, children))
    if at != len(body):
        raise IngestError(f"{len(body) - at} bytes follow the last node")


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise IngestError(f"stacks: not UTF-8 ({error.reason})") from error
