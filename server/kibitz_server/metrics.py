"""Counts of what happened, in the text form that Prometheus reads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Gauge:
    """A value that is asked for when it is read."""

    name: str
    help: str
    read: Callable[[], float]
    kind: str = "gauge"


class Metrics:
    """Counters by name and labels; safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counters: dict[str, dict[Labels, float]] = {}
        self._help: dict[str, str] = {}
        self._gauges: list[Gauge] = []

    def declare(self, name: str, text: str) -> None:
        """Say what a counter counts."""
        self._help[name] = text
        self._counters.setdefault(name, {})

    def watch(self, gauge: Gauge) -> None:
        """Show a value that lies elsewhere."""
        self._gauges.append(gauge)

    def count(self, name: str, labels: Mapping[str, str] | None = None, by: float = 1.0) -> None:
        """Add to a counter."""
        key = tuple(sorted((labels or {}).items()))
        with self._lock:
            rows = self._counters.setdefault(name, {})
            rows[key] = rows.get(key, 0.0) + by

    def text(self) -> str:
        """All of it."""
        lines = []
        with self._lock:
            counters = {name: dict(rows) for name, rows in self._counters.items()}
        for name, rows in sorted(counters.items()):
            lines += [f"# HELP {name} {self._help.get(name, '')}", f"# TYPE {name} counter"]
            lines += [f"{name}{_braces(labels)} {value:g}" for labels, value in sorted(rows.items())]
        for gauge in self._gauges:
            lines += [f"# HELP {gauge.name} {gauge.help}", f"# TYPE {gauge.name} {gauge.kind}"]
            lines.append(f"{gauge.name} {gauge.read():g}")
        return "\n".join(lines) + "\n"


def _braces(labels: Labels) -> str:
    if not labels:
        return ""
    escaped = (
        f'{key}="' + value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") + '"'
        for key, value in labels
    )
    return "{" + ",".join(escaped) + "}"
