"""How far a long review has come."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

PROGRESS_AFTER_S = 2.0


class Progress:
    """A line on stderr for reviews of more than two seconds, rewritten in place on a terminal."""

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._total, self._clock = total, clock
        self._next = clock() + PROGRESS_AFTER_S
        self._count, self._shown = 0, False

    def step(self, count: int) -> None:
        self._count = min(self._count + count, self._total)
        if self._clock() < self._next or not sys.stderr:
            return
        self._next = self._clock() + PROGRESS_AFTER_S
        self._shown = True
        end = "\r" if sys.stderr.isatty() else "\n"
        print(f"kibitz review: {self._count} of {self._total} files", end=end, file=sys.stderr, flush=True)

    def done(self) -> None:
        if self._shown and sys.stderr.isatty():
            print(" " * 60, end="\r", file=sys.stderr)
