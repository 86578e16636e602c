"""Collapsed stacks as text: ``a;b;c 42`` a line, or a line a sample without a number."""

from __future__ import annotations

from kibitz_agent.profile import SAMPLES, WALL, Frame, Profile, ProfileBuilder
from kibitz_server.ingest import MAX_BODY_BYTES, IngestError, TooLargeError, inflate

_MOST_FRAMES = 10_000
_MOST_COUNT = 1 << 40
_MOST_NODES = 2_000_000


def decode(body: bytes, sample_rate_hz: int = 100, *, counted: bool = True) -> Profile:
    """A profile of samples and the wall time they stand for; ``counted``: each line ends in its number of samples."""
    body = inflate(body)
    if len(body) > MAX_BODY_BYTES:
        raise TooLargeError(f"{len(body)} bytes, at most {MAX_BODY_BYTES} are accepted")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise IngestError(f"collapsed stacks: not UTF-8 ({error.reason})") from error
    builder = ProfileBuilder((SAMPLES, WALL))
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        stack, count = _parts(line.rstrip("\r"), number) if counted else (line.rstrip("\r"), 1)
        names = stack.split(";")
        if len(names) > _MOST_FRAMES or builder.node_count > _MOST_NODES:
            raise TooLargeError(
                f"line {number}: more than {_MOST_FRAMES} frames, or {_MOST_NODES} nodes in all"
            )
        builder.add_stack(
            [Frame(name or "?") for name in names], (count, count * 1_000_000_000 // sample_rate_hz)
        )
    return builder.build()


def _parts(line: str, number: int) -> tuple[str, int]:
    stack, _, count = line.rpartition(" ")
    if not stack or not count.isascii() or not count.isdigit() or len(count) > 13 or int(count) > _MOST_COUNT:
        raise IngestError(f"line {number}: expected frames;separated;so and a number, found {line[:80]!r}")
    return stack, int(count)
