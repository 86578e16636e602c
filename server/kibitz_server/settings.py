"""What a group's agents are told to do. Every answer that can be made of these settings is one an agent survives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

DOCUMENT = "settings"

# Bounds, both ends included. A stack depth below 1 ends an AWS agent for good; a period below the least time for a
# report makes it refuse the whole answer.
BOUNDS = {
    "period_s": (1, 86_400),
    "sampling_interval_ms": (1, 3_600_000),
    "minimum_reporting_ms": (1, 86_400_000),
    "max_stack_depth": (1, 10_000),
    "cpu_limit_percent": (1, 100),
}


class SettingsError(ValueError):
    """Settings that could hurt an agent; the message says which and what is possible."""


@dataclass(frozen=True, slots=True)
class GroupSettings:
    """A group's settings. The defaults are those of AWS's service.

    ``period_s``: how long a report covers; ``minimum_reporting_ms``: shorter ones are not sent; ``cpu_limit_percent``:
    of one CPU, above which an agent stops (AWS calls it MemoryUsageLimitPercent); ``heap_summary``: whether reports carry
    live objects by type (our agents only).
    """

    profiling_enabled: bool = True
    period_s: int = 300
    sampling_interval_ms: int = 1000
    minimum_reporting_ms: int = 60_000
    max_stack_depth: int = 1000
    cpu_limit_percent: int = 10
    heap_summary: bool = False


def parse(document: Mapping[str, Any], base: GroupSettings | None = None) -> GroupSettings:
    """``base`` (the defaults) changed by ``document``; `SettingsError` on an unknown name or a harmful value."""
    values = asdict(base or GroupSettings())
    for name, value in document.items():
        if name not in values:
            raise SettingsError(f"{name[:40]}: no such setting; there are {', '.join(values)}")
        values[name] = value
    for name in ("profiling_enabled", "heap_summary"):
        if not isinstance(values[name], bool):
            raise SettingsError(f"{name}: expected true or false")
    for name, (low, high) in BOUNDS.items():
        value = values[name]
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise SettingsError(
                f"{name}: expected a whole number from {low} to {high}, found {str(value)[:40]}"
            )
    settings = GroupSettings(**values)
    if settings.period_s * 1000 < settings.minimum_reporting_ms:
        raise SettingsError(
            f"period_s: a report of {settings.period_s} s would never be sent, as the least time for one is "
            f"minimum_reporting_ms={settings.minimum_reporting_ms}"
        )
    if settings.sampling_interval_ms > settings.period_s * 1000:
        raise SettingsError("sampling_interval_ms: longer than the period, nothing would be sampled")
    return settings


def stored(document: Mapping[str, Any]) -> GroupSettings:
    """The settings that a group's document holds; what this version does not know is left out."""
    known = {field.name for field in fields(GroupSettings)}
    return parse({name: value for name, value in document.items() if name in known})


def agent_configuration(settings: GroupSettings, slow_down: int = 1) -> dict[str, Any]:
    """What an agent is answered, in AWS's words; ``slow_down`` makes period and interval so many times longer."""
    period_s = min(settings.period_s * slow_down, BOUNDS["period_s"][1])
    return {
        "shouldProfile": settings.profiling_enabled,
        "periodInSeconds": period_s,
        "agentParameters": {
            "SamplingIntervalInMilliseconds": str(settings.sampling_interval_ms * slow_down),
            "MinimumTimeForReportingInMilliseconds": str(settings.minimum_reporting_ms),
            "MaxStackDepth": str(settings.max_stack_depth),
            "MemoryUsageLimitPercent": str(settings.cpu_limit_percent),
            # AWS's agents know nothing of it, and are told nothing.
            **({"HeapSummary": "true"} if settings.heap_summary else {}),
        },
    }
