"""Counts of what happened, in the text form that Prometheus reads; of several processes, if they share a folder."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

Labels = tuple[tuple[str, str], ...]
Counters = dict[str, dict[Labels, float]]

_WRITE_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Gauge:
    """A value that is asked for when it is read."""

    name: str
    help: str
    read: Callable[[], float]
    kind: str = "gauge"


class Metrics:
    """Counters by name and labels; safe to use from many threads.

    In a shared folder each process writes its counts down about once a second, and shows the sums of all. A process that
    takes another's number goes on from its counts.
    """

    def __init__(self, folder: Path | None = None, number: int = 0) -> None:
        """``folder`` is shared by processes of different ``number``; None: there is one process."""
        self._lock = threading.Lock()
        self._counters: Counters = {}
        self._help: dict[str, str] = {}
        self._gauges: list[Gauge] = []
        self._folder, self._path = folder, None if folder is None else folder / f"{number}.json"
        self._closed = threading.Event()
        if self._path is not None:
            self._counters = _read(self._path)[0]
            threading.Thread(target=self._write_down, name="kibitz-metrics", daemon=True).start()

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
        counters, gauges = self._all()
        for name, rows in sorted(counters.items()):
            lines += [f"# HELP {name} {self._help.get(name, '')}", f"# TYPE {name} counter"]
            lines += [f"{name}{_braces(labels)} {value:g}" for labels, value in sorted(rows.items())]
        for gauge in self._gauges:
            lines += [f"# HELP {gauge.name} {gauge.help}", f"# TYPE {gauge.name} {gauge.kind}"]
            lines.append(f"{gauge.name} {gauges[gauge.name]:g}")
        return "\n".join(lines) + "\n"

    def close(self) -> None:
        """Write no more."""
        self._closed.set()

    def _own(self) -> tuple[Counters, dict[str, float]]:
        with self._lock:
            counters = {name: dict(rows) for name, rows in self._counters.items()}
        return counters, {gauge.name: gauge.read() for gauge in self._gauges}

    def _all(self) -> tuple[Counters, dict[str, float]]:
        """This process's counts and gauges, with those that the others have written down."""
        counters, gauges = self._own()
        others = (
            []
            if self._folder is None
            else [path for path in self._folder.glob("*.json") if path != self._path]
        )
        for path in others:
            more, also = _read(path)
            for name, rows in more.items():
                own = counters.setdefault(name, {})
                for labels, value in rows.items():
                    own[labels] = own.get(labels, 0.0) + value
            for name, value in also.items():
                gauges[name] = gauges.get(name, 0.0) + value
        return counters, gauges

    def _write_down(self) -> None:
        while not self._closed.wait(_WRITE_EVERY_S):
            assert self._path is not None
            counters, gauges = self._own()
            rows = [[name, labels, value] for name, row in counters.items() for labels, value in row.items()]
            partial = self._path.with_suffix(".partial")
            with suppress(OSError):
                partial.write_text(json.dumps({"counters": rows, "gauges": gauges}))
                partial.replace(self._path)


def _read(path: Path) -> tuple[Counters, dict[str, float]]:
    """What a process has written down; nothing if it has not."""
    counters: Counters = {}
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}, {}
    for name, labels, value in found["counters"]:
        counters.setdefault(name, {})[tuple((key, text) for key, text in labels)] = value
    return counters, found["gauges"]


def _braces(labels: Labels) -> str:
    if not labels:
        return ""
    escaped = (
        f'{key}="' + value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") + '"'
        for key, value in labels
    )
    return "{" + ",".join(escaped) + "}"
