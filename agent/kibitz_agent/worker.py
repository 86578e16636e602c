"""The agent's threads: real ones, whatever the host has patched, that can end for the length of a fork and go on as others."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from kibitz_agent.config import log
from kibitz_agent.own_threads import OWN
from kibitz_agent.unpatched import allocate_lock, get_ident, get_native_id, sleep, start_new_thread

_GO_ON_S = 0.001
_WAIT_S, _MOST_WAITS = 0.0005, 2000


class Worker:
    """Runs ``body``, which returns when it is told to pause, or for good."""

    def __init__(self, name: str, body: Callable[[], None]) -> None:
        self._name, self._body = name, body
        self._ended: Any = None
        self._ident = self._native_id = 0

    def start(self) -> None:
        """Begin. `RuntimeError` if no thread can be had."""
        self._begin(self._body)

    def is_alive(self) -> bool:
        """Whether the body has not returned."""
        return self._ended is not None and self._ended.locked()

    def is_current(self) -> bool:
        """Whether the caller is this worker."""
        return self.is_alive() and self._ident == get_ident()

    def join(self, timeout_s: float) -> None:
        """Wait for the body to return, at most that long; then, a moment, for the kernel to be rid of the thread."""
        if _wait_for(self._ended, timeout_s):
            _wait_until_gone(self._native_id)

    def go_on(self) -> None:
        """Begin again what was paused; a thread that is late to pause is followed by the one that goes on."""
        late = self._ended

        def body() -> None:
            # Let go of the lock at once: whoever has forked waits for this thread to have begun, and has things to do.
            sleep(_GO_ON_S)
            _wait_for(late, -1)
            self._body()

        self._begin(body)

    def _begin(self, body: Callable[[], None]) -> None:
        ended = allocate_lock()
        ended.acquire()
        self._ended = ended
        try:
            self._ident = start_new_thread(self._run, (body, ended))
        except BaseException:
            ended.release()
            raise

    def _run(self, body: Callable[[], None], ended: Any) -> None:
        self._native_id = get_native_id()
        OWN.enter(self._name)
        try:
            body()
        except Exception as error:
            log.warning("kibitz: the %s thread ended by %s: %s", self._name, type(error).__name__, error)
        finally:
            OWN.leave()
            ended.release()


def _wait_for(ended: Any, timeout_s: float) -> bool:
    if ended is None or not ended.acquire(timeout=timeout_s):
        return False
    ended.release()
    return True


def _wait_until_gone(native_id: int) -> None:
    """Whoever forks is warned of every thread that the kernel knows, since CPython 3.12, also of one that is all but gone.

    And an interpreter that ends exchanges its allocators for a moment, while the last a thread does is to free its own state.
    """
    for _ in range(_MOST_WAITS):
        if not os.path.exists(f"/proc/self/task/{native_id}"):  # noqa: PTH110
            return
        sleep(_WAIT_S)
