"""Carries reviews out: a source is brought into an empty folder and `kibitz review` reads it, in a process with limits."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kibitz_server.reviews.bundle import BundleError, unpack

log = logging.getLogger("kibitz.server")

TIME_S = 1_800.0
MEMORY_BYTES = 4 * 1024**3
_HARMLESS = re.compile(r"(?:PATH|HOME|LANG|LC_\w+|TZ|TMPDIR|VIRTUAL_ENV|PYTHONPATH)\Z")
_NAME = re.compile(r"(?!-)[\w./-]{1,200}\Z", re.ASCII)


class ReviewError(Exception):
    """The review could not be done; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Source:
    """What to review: a zip ``archive``, or a repository at ``clone`` (its ``head``, or what ``base`` to ``head`` changed)."""

    archive: Path | None = None
    clone: str = ""
    head: str = ""
    base: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a review found: the objects of `kibitz review --format json`, and the lines it read; or why it failed."""

    findings: tuple[dict[str, Any], ...] = ()
    lines: int = 0
    suppressed: int = 0
    error: str = ""


class Runner:
    """Two reviews at a time; ``environ`` is never handed on but for what programs need to start."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = {key: value for key, value in environ.items() if _HARMLESS.match(key)}
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="kibitz-review")
        self._running: set[int] = set()
        self._lock, self._closed = threading.Lock(), False

    def start(self, source: Source, done: Callable[[Outcome], None]) -> None:
        """Review ``source`` some time soon and call ``done``, on another thread."""
        self._pool.submit(self._run, source, done)

    def close(self) -> None:
        """End what is under way; ``done`` is not called for it."""
        with self._lock:
            self._closed = True
            for group in self._running:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(group, signal.SIGKILL)
        self._pool.shutdown(cancel_futures=True)

    def _run(self, source: Source, done: Callable[[Outcome], None]) -> None:
        try:
            with tempfile.TemporaryDirectory(prefix="kibitz-review-") as folder:
                outcome = self._reviewed(source, Path(folder))
        except (ReviewError, BundleError) as error:
            outcome = Outcome(error=str(error))
        except Exception as error:
            log.exception("a review failed")
            outcome = Outcome(
                error=f"the collector made a mistake ({type(error).__name__}); its log says more"
            )
        if not self._closed:
            done(outcome)

    def _reviewed(self, source: Source, folder: Path) -> Outcome:
        tree, report = folder / "tree", folder / "report.json"
        tree.mkdir()
        words = self._bring(source, tree)
        # Without -P Python would look for its modules in the stranger's tree first.
        command = [sys.executable, "-P", "-m", "kibitz_agent.cli", "review", *words]
        command += ["--format", "json", "--output", str(report), "--fail-on", "never"]
        said = self._call(command, tree)
        try:
            found = json.loads(report.read_text("utf-8"))
        except (OSError, ValueError):
            raise ReviewError(f"kibitz review gave no report: {said[-500:]}") from None
        summary = found["summary"]
        return Outcome(tuple(found["findings"]), summary["lines"], summary["suppressed"])

    def _bring(self, source: Source, tree: Path) -> list[str]:
        """Put the source into ``tree``; the arguments that review it there."""
        if source.archive is not None:
            if not source.archive.is_file():
                raise ReviewError("the source code artifact was not uploaded, or not found")
            unpack(source.archive, tree)
            return ["."]
        names = [name for name in (source.head, source.base) if name]
        if not source.clone or not names or not all(_NAME.match(name) and ".." not in name for name in names):
            raise ReviewError("expected a branch or commit of a repository this collector may fetch")
        git = ["git", "-c", "core.hooksPath=/dev/null", "-c", "protocol.ext.allow=never"]
        self._must([*git, "init", "--quiet", "--template="], tree)
        fetch = [*git, "fetch", "--quiet", "--no-tags", "--no-recurse-submodules", source.clone]
        self._must([*fetch, f"+{source.head}:refs/kibitz/head"], tree)
        if source.base:
            self._must([*fetch, f"+{source.base}:refs/kibitz/base"], tree)
            return ["--diff", "refs/kibitz/base..refs/kibitz/head"]
        self._must([*git, "checkout", "--quiet", "--detach", "refs/kibitz/head"], tree)
        return ["."]

    def _must(self, command: list[str], tree: Path) -> None:
        said = self._call(command, tree, zero=True)
        if said.startswith("\0"):
            raise ReviewError(f"git: {said[1:][-500:]}")

    def _call(self, command: list[str], tree: Path, *, zero: bool = False) -> str:
        """Run a program to its end; what it said on standard error, after a NUL if it failed and should not have."""
        environ = {
            **self._environ,
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_CONFIG_NOSYSTEM": "1",
            "LC_ALL": "C.UTF-8",
        }
        process = subprocess.Popen(
            command,
            cwd=tree,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        with process, self._known(process):
            _limit(process.pid)
            try:
                _, said = process.communicate(timeout=TIME_S)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                raise ReviewError(f"took more than {TIME_S:.0f} s") from None
        text = said[-4000:].decode("utf-8", "replace").strip()
        return f"\0{text}" if zero and process.returncode else text

    def _known(self, process: subprocess.Popen[bytes]) -> _Known:
        return _Known(self._running, self._lock, process.pid)


class _Known:
    """Keeps a process's number among those running."""

    def __init__(self, running: set[int], lock: threading.Lock, number: int) -> None:
        self._running, self._lock, self._number = running, lock, number

    def __enter__(self) -> None:
        with self._lock:
            self._running.add(self._number)

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._running.discard(self._number)


def _limit(number: int) -> None:
    """Bound the memory of a process, where the system can."""
    try:
        from resource import RLIMIT_AS, prlimit
    except ImportError:
        return
    with suppress(OSError):
        prlimit(number, RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
