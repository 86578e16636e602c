"""How groups are: the CPU their processes use, what the agents cost them, who reports. Plain functions over headers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from kibitz_agent.profile import Header
from kibitz_server import costs
from kibitz_server.store import Store

SPAN_S = 12 * 3600.0
STEP_S = 1800.0
MOST_REPORTS = 4000
_NS = 1e9
_MOST_CPUS = 1 << 20  # reports say what they like


@runtime_checkable
class KeepsHeaders(Protocol):
    """A store that can tell the headers of its reports."""

    def headers(self, groups: Sequence[str], start: float, end: float, most: int) -> list[tuple[str, Header]]:
        """(group, header) of the reports that ended in [start, end), an even choice where they are more than ``most``."""

    def report_counts(self, groups: Sequence[str], start: float, end: float) -> Mapping[str, int]:
        """How many reports ended in [start, end), by group."""


@dataclass(frozen=True, slots=True)
class Vitals:
    """A group's last hours. Shares are of one CPU, but ``of_machine``: of all the CPUs of the machines; None: not known.

    ``cpu``: of each process, on average; ``overhead``: of the agents; ``trend``: (epoch seconds, ``cpu``) per `STEP_S`.
    ``agents`` and ``runtimes``: how many instances have which. ``cpu_s``: CPU-seconds of all processes together in the
    ``covered_s`` seconds from the first report's start to the last one's end.
    """

    cpu: float | None = None
    of_machine: float | None = None
    overhead: float | None = None
    instances: int = 0
    agents: Mapping[str, int] = field(default_factory=dict)
    runtimes: Mapping[str, int] = field(default_factory=dict)
    revisions: Mapping[str, int] = field(default_factory=dict)
    trend: Sequence[tuple[float, float]] = ()
    cpu_s: float = 0.0
    covered_s: float = 0.0


def vitals_of(store: Store, groups: Sequence[str], now: float) -> dict[str, Vitals]:
    """The vitals of groups over the `SPAN_S` seconds before ``now``; empty where the store keeps no headers."""
    if not isinstance(store, KeepsHeaders):
        return {}
    by_group: dict[str, list[Header]] = {}
    for group, header in store.headers(groups, now - SPAN_S, now + 1, MOST_REPORTS):
        by_group.setdefault(group, []).append(header)
    counts = store.report_counts(list(by_group), now - SPAN_S, now + 1)
    return {group: vitals(headers, counts.get(group, 0)) for group, headers in by_group.items()}


def vitals(headers: Sequence[Header], reports: int = 0) -> Vitals:
    """The vitals that a group's headers, in their order in time, tell; they are a choice from so many ``reports``."""
    measured = [header for header in headers if header.duration_ns and header.process_cpu_ns]
    latest = {(header.instance, header.process_id): header for header in headers}
    on_known = [header for header in measured if _cpus(header)]
    return Vitals(
        cpu=_cpu(measured),
        of_machine=_share((h.process_cpu_ns, h.duration_ns * _cpus(h)) for h in on_known),
        overhead=_share((h.overhead.cpu_ns, h.duration_ns) for h in headers if h.overhead.ticks),
        instances=len({header.instance for header in headers}),
        agents=_counted(header.agent_version for header in latest.values()),
        runtimes=_counted(header.runtime for header in latest.values()),
        revisions=_counted(header.revision for header in latest.values()),
        trend=_trend(measured),
        cpu_s=sum(h.process_cpu_ns for h in measured) / _NS * max(1.0, reports / (len(headers) or 1)),
        covered_s=max((h.end_ns for h in measured), default=0) / _NS
        - min((h.start_ns for h in measured), default=0) / _NS,
    )


def yearly_cost(told: Vitals, price: costs.Price | None) -> costs.YearlyCost | None:
    """What the group's CPU time costs in a year if it goes on as in its last hours; None where it or the price is not known."""
    if price is None or not told.cpu_s or told.covered_s <= 0:
        return None
    return costs.yearly(told.cpu_s, told.covered_s, price)


def _cpu(headers: Sequence[Header]) -> float | None:
    return _share((header.process_cpu_ns, header.duration_ns) for header in headers)


def _share(pairs: Iterable[tuple[int, int]]) -> float | None:
    part, whole = 0, 0
    for some, all_of_it in pairs:
        part, whole = part + some, whole + all_of_it
    return part / whole if whole else None


def _cpus(header: Header) -> int:
    cpus = header.host.get("cpus", 0)
    return int(cpus) if isinstance(cpus, int | float) and 0 < cpus <= _MOST_CPUS else 0


def _counted(values: Iterable[str]) -> dict[str, int]:
    return dict(Counter(value for value in values if value).most_common(8))


def _trend(headers: Sequence[Header]) -> tuple[tuple[float, float], ...]:
    steps: dict[float, list[Header]] = {}
    for header in headers:
        steps.setdefault(header.end_ns / 1e9 // STEP_S * STEP_S, []).append(header)
    return tuple((start, _cpu(steps[start]) or 0.0) for start in sorted(steps))
