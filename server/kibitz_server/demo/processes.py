"""Child processes of the demo: started in a session of their own, so that all of one's family can be ended together."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

_END_S = 8.0
_POLL_S = 0.05
_SHOWN_LINES = 15


class ChildError(Exception):
    """A child ended, or did not say in time what was waited for; the message holds the end of its log."""


class Child:
    """A ``kibitz`` subcommand, or another Python program, running beside us. Use as a context manager."""

    def __init__(self, name: str, arguments: Sequence[str], cwd: Path | None = None) -> None:
        """Run ``python *arguments``; what it prints goes to a log that only errors show."""
        self.name = name
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by end()
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end()

    def wait_for(self, pattern: str, timeout_s: float) -> re.Match[str]:
        """Wait until the log matches ``pattern``; `ChildError` if the child ends or time runs out first."""
        end = time.monotonic() + timeout_s
        while True:
            match = re.search(pattern, self.log())
            if match:
                return match
            self.check()
            if time.monotonic() > end:
                raise ChildError(f"the {self.name} did not start within {timeout_s:g} s.{self._last_lines()}")
            time.sleep(_POLL_S)

    def check(self) -> None:
        """`ChildError` if the child is no longer running."""
        if self._process.poll() is not None:
            raise ChildError(
                f"the {self.name} ended with status {self._process.returncode}.{self._last_lines()}"
            )

    def log(self) -> str:
        """All it printed so far."""
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), size, 0).decode(errors="replace")

    def end(self) -> None:
        """Ask the child and all it started to end; after a while, make them. May be called twice."""
        if self._log.closed:
            return
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
            self._process.wait()
            self._log.close()

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, number)
            else:
                self._process.terminate()

    def _last_lines(self) -> str:
        lines = self.log().splitlines()[-_SHOWN_LINES:]
        return "".join(f"\n  {line}" for line in lines) if lines else " It printed nothing."
