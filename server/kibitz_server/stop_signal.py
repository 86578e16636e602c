"""SIGTERM and SIGINT as something that waitress's loop reads, so that none is lost, wherever in the program it strikes.

An exception raised by a signal's handler is lost where Python ignores exceptions (a finalizer, a callback from C), and a
collector that lost it would serve on for ever.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import Any

from waitress import wasyncore

_STOPS = (signal.SIGTERM, signal.SIGINT)
_PAUSE_S = 1.0
_MOST_BYTES = 64


class StopSignal:
    """From its making on, a stop signal ends `loop`. Make it, and run the loop, on the main thread."""

    def __init__(self) -> None:
        self.map: dict[int, Any] = {}
        """The descriptors the loop watches: hand it to ``waitress.server.create_server``."""
        received, self._told = socket.socketpair()
        self._told.setblocking(False)
        self._received = _Received(received, self.map)
        signal.set_wakeup_fd(self._told.fileno(), warn_on_full_buffer=False)
        for one in _STOPS:
            signal.signal(one, _noted)

    def loop(self, pause_s: Callable[[], float] = lambda: _PAUSE_S) -> None:
        """Let waitress serve until a stop signal; after it SIGTERM changes nothing, another SIGINT ends the process at once.

        ``pause_s()`` says how long to wait, at most, where nothing comes.
        """
        while not self._received.stopped:
            wasyncore.loop(pause_s(), map=self.map, count=1)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    def close(self) -> None:
        """Be told no more, and let go of all connections."""
        signal.set_wakeup_fd(-1)
        self._told.close()
        wasyncore.close_all(self.map, ignore_all=True)


class _Received(wasyncore.dispatcher):  # type: ignore[misc]
    stopped = False

    def writable(self) -> bool:
        return False

    def handle_read(self) -> None:
        if {*self.recv(_MOST_BYTES)} & {int(one) for one in _STOPS}:
            self.stopped = True


def _noted(number: int, frame: FrameType | None) -> None:
    """With a handler of Python's own the interpreter writes the signal's number where `StopSignal` reads it."""
