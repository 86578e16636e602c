"""The scheduler: when the next tick is due, and a wait that can be cut short.

Ticks lie on a fixed grid of the monotonic clock, each moved by a random part of the interval: the grid keeps the rate
exact however long a tick takes, the random part keeps it from marching in step with what the program does
periodically. Ticks that could not be kept are skipped and counted, never made up for in a burst.
"""

from __future__ import annotations

import _thread
import os
from collections.abc import Callable

from kibitz_agent.unpatched import allocate_lock

_JITTER = 0.25
"""A tick lies up to this share of the interval before or after its place on the grid."""


def random_share() -> float:
    """A random number from 0 up to 1, without touching the host's `random`."""
    return int.from_bytes(os.urandom(4), "little") / (1 << 32)


class Schedule:
    """Ticks every ``interval_ns`` from ``now_ns`` on. All times are of one monotonic clock, in nanoseconds."""

    def __init__(self, interval_ns: int, now_ns: int, random: Callable[[], float] = random_share) -> None:
        self._random = random
        self.interval_ns = interval_ns
        self.missed_ticks = 0
        self._index = self._origin_ns = self.due_ns = 0
        self._anchor(now_ns)

    def change(self, interval_ns: int, now_ns: int) -> None:
        """Go on with another interval; the next tick is due within one of it."""
        if interval_ns != self.interval_ns:
            self.interval_ns = interval_ns
            self._anchor(now_ns)

    def rest(self, now_ns: int) -> None:
        """Begin anew after a pause: the ticks that fell into it were not missed."""
        self._anchor(now_ns)

    def kept(self, now_ns: int) -> None:
        """The tick that was due is done: set the next one, the first on the grid that is still ahead."""
        self._index += 1
        behind = (now_ns - self._origin_ns) // self.interval_ns + 1
        if behind > self._index:
            self.missed_ticks += behind - self._index
            self._index = behind
        jitter = (2 * self._random() - 1) * _JITTER
        self.due_ns = self._origin_ns + self._index * self.interval_ns + int(jitter * self.interval_ns)

    def _anchor(self, now_ns: int) -> None:
        # A random phase: agents started together must not all tick together.
        self._origin_ns = now_ns + int(self._random() * self.interval_ns)
        self._index = 0
        self.due_ns = self._origin_ns


class Alarm:
    """A wait that another thread, or a signal handler, can cut short. One thread waits; waking never blocks."""

    def __init__(self) -> None:
        # One lock, held by the waiter: half the price of a threading.Event per wait, and safe in a signal handler.
        self._lock = allocate_lock()
        self._lock.acquire()

    def wait(self, timeout_s: float) -> bool:
        """Wait; True if woken before ``timeout_s`` seconds were over."""
        return self._lock.acquire(timeout=max(0.0, min(timeout_s, _thread.TIMEOUT_MAX)))

    def wake(self) -> None:
        """End the wait, or the next one if there is none."""
        try:
            self._lock.release()
        except RuntimeError:
            return  # awake already
