"""SIGTERM: what was seen is reported before the process ends.

Where the host leaves the signal to the system, the extension's handler tells a thread of the agent's, which reports and then
ends the process by the signal itself. The main thread has no part in it: it may be blocked for ever at the very moment before
a handler of Python's would run, and the process would not end. Where the host has a handler of its own, or there is no
extension, a handler of Python's is put before it.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

from kibitz_agent.unpatched import get_ident, monotonic, sleep
from kibitz_agent.worker import Worker

_PAUSE = 1 << 32
_END_S = 5.0
_POLL_S = 0.01


class Sigterm:
    """Calls ``stop`` before the signal ends the process, or ``flush`` before the host's own handler."""

    def __init__(self, stop: Callable[[], None], flush: Callable[[], object]) -> None:
        self._stop, self._flush = stop, flush
        self._previous: Any = None
        self._is_chained = False
        self._fd = -1
        self._listener: Worker | None = None
        self._ender = 0

    @property
    def workers(self) -> list[Worker]:
        """The thread that listens, if there is one."""
        return [] if self._listener is None else [self._listener]

    def install(self) -> None:
        """Take the signal; one that the host ignores goes on being ignored."""
        if not hasattr(signal, "SIGTERM") or self._listener is not None:
            return
        previous = signal.getsignal(signal.SIGTERM)
        if previous is None or previous == signal.SIG_IGN:
            return
        if previous == signal.SIG_DFL and self._listen():
            return
        # Only the main thread may give Python a handler.
        if not self._is_chained and threading.current_thread() is threading.main_thread():
            self._previous = previous
            signal.signal(signal.SIGTERM, self._on_sigterm)
            self._is_chained = True

    def restore(self) -> None:
        """Give the signal back. A handler that the host has set since then is the host's, and stays.

        Once the signal has come the process is not left to end otherwise, by its last line perhaps: its status is the signal's.
        """
        if self._ender not in (0, get_ident()):
            until_s = monotonic() + _END_S
            while monotonic() < until_s:
                sleep(_POLL_S)
        if self._listener is not None:
            self._disarm()
            self.pause()
            if not self._listener.is_current():
                self._listener.join(_END_S)
            if self._listener.is_current() or not self._listener.is_alive():
                self._close()  # not while the thread may read from whatever takes the number next
        if self._is_chained and threading.current_thread() is threading.main_thread():
            if signal.getsignal(signal.SIGTERM) == self._on_sigterm:
                signal.signal(signal.SIGTERM, self._previous)
            self._is_chained = False

    def pause(self) -> None:
        """Have the listening thread end; it goes on with `Worker.go_on`."""
        if self._fd >= 0:
            with suppress(OSError):
                os.eventfd_write(self._fd, _PAUSE)

    def begin_in_child(self) -> None:
        """After a fork: the descriptor is the parent's, and so is its thread."""
        if self._listener is None:
            return
        self._ender = 0
        self._close()
        if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
            self._listen()

    def _listen(self) -> bool:
        try:
            import kibitz_agent._native._term as _term

            self._fd = os.eventfd(0)
        except (ImportError, AttributeError, OSError):
            return False
        if not _term.arm(self._fd):
            self._close()
            return False
        self._listener = Worker("signals", self._wait)
        self._listener.start()
        return True

    def _wait(self) -> None:
        # Told of both at once, the pause is only put off: the process ends.
        if os.eventfd_read(self._fd) % _PAUSE:
            self._ender = get_ident()
            self._stop()
            self._disarm()
            os.kill(os.getpid(), signal.SIGTERM)

    def _disarm(self) -> None:
        import kibitz_agent._native._term as _term

        _term.disarm()

    def _close(self) -> None:
        fd, self._fd, self._listener = self._fd, -1, None
        if fd >= 0:
            with suppress(OSError):
                os.close(fd)

    def _on_sigterm(self, number: int, frame: FrameType | None) -> None:
        if callable(self._previous):
            # The host has its own way to end, in its own time: the report goes on beside it.
            self._flush()
            self._previous(number, frame)
            return
        self._stop()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
