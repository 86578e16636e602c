"""AWS's time ranges: ISO 8601 durations, aggregation periods, and start/end/period given in any sensible combination."""

from __future__ import annotations

import re
from typing import Any

from kibitz_server.api import validation_error

AGGREGATION_S = {"PT5M": 300.0, "PT1H": 3600.0, "P1D": 86_400.0}
_DURATION = re.compile(
    r"P(?:(\d{1,6})W)?(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,9})S)?)?", re.ASCII
)
_UNITS_S = (604_800, 86_400, 3600, 60, 1)


def duration_s(text: str) -> float:
    """The length of an ISO 8601 duration of weeks, days, hours, minutes and seconds."""
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()) or text.endswith("T"):
        raise validation_error(
            f"period: expected a duration such as PT5M, PT1H or P1DT1H1M1S, found {text[:64]!r}"
        )
    seconds = sum(int(count or 0) * unit for count, unit in zip(match.groups(), _UNITS_S, strict=True))
    if seconds == 0:
        raise validation_error("period: expected more than nothing")
    return float(seconds)


def resolved(given: dict[str, Any], latest: float, default_s: float, most_s: float) -> tuple[float, float]:
    """(start, end) in epoch seconds from ``startTime``, ``endTime`` and ``period``, of which at most two may be given.

    What is not said is filled in: the end is ``latest``, the length ``default_s``; a longer range than ``most_s`` is
    refused.
    """
    start, end, period = given.get("startTime"), given.get("endTime"), given.get("period")
    if None not in (start, end, period):
        raise validation_error("startTime, endTime, period: give at most two of them")
    if start is not None and end is not None:
        length = end - start
    else:
        length = duration_s(period) if period is not None else default_s
    if end is None:
        end = start + length if start is not None else latest
    if start is None:
        start = end - length
    if not end > start:
        raise validation_error("endTime: must be after startTime")
    if end - start > most_s:
        raise validation_error(
            f"the range is {end - start:.0f} s long: at most {most_s:.0f} s can be asked for"
        )
    return max(0.0, float(start)), float(end)


def aligned(start: float, end: float, step_s: float) -> tuple[float, float]:
    """The range widened to whole steps since the epoch, UTC."""
    return start // step_s * step_s, -(-end // step_s) * step_s
