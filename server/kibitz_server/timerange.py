"""Time ranges as people write them in a URL: epoch seconds, or relative to now (``-1h``, ``now``)."""

from __future__ import annotations

import re

from kibitz_server.query import QueryError

DEFAULT_FROM = "-1h"

# The last report of a running program ends a moment from now on a machine whose clock is a little ahead.
_NOW_SLACK_S = 60.0
_RELATIVE = re.compile(r"-(\d{1,6})([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_ABSOLUTE = re.compile(r"\d{1,12}(\.\d{1,6})?")


def parse_range(start: str | None, end: str | None, now: float) -> tuple[float, float]:
    """(start, end) in epoch seconds; without them, the last hour. `QueryError` on what cannot be read."""
    first = _parse("from", start or DEFAULT_FROM, now)
    last = _parse("to", end, now) if end else now + _NOW_SLACK_S
    if last <= first:
        raise QueryError(f"to: the range ends ({end or 'now'}) before it starts ({start})")
    return first, last


def _parse(name: str, text: str, now: float) -> float:
    if text == "now":
        return now + _NOW_SLACK_S
    relative = _RELATIVE.fullmatch(text)
    if relative:
        return now - int(relative[1]) * _SECONDS[relative[2]]
    if _ABSOLUTE.fullmatch(text):
        return float(text)
    raise QueryError(
        f"{name}={text[:40]!r}: expected epoch seconds, 'now', or a time ago such as -30m, -12h, -7d"
    )
