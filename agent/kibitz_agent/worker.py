"""A thread of the agent's that can end for the length of a fork and go on as another one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from kibitz_agent.sampler import OWN_THREADS

_GO_ON_S = 0.001


class Worker:
    """Runs ``body``, which returns when it is told to pause, or for good."""

    def __init__(self, name: str, body: Callable[[], None]) -> None:
        self._name, self._body = f"{OWN_THREADS}{name}", body
        self.thread = threading.Thread(target=body, name=self._name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self.thread.start()

    def is_alive(self) -> bool:
        """Whether the body has not returned."""
        return self.thread.is_alive()

    def join(self, timeout_s: float) -> None:
        """Wait for the body to return, at most that long."""
        self.thread.join(timeout_s)

    def go_on(self) -> None:
        """Begin again what was paused; a thread that is late to pause is followed by the one that goes on."""
        late = self.thread if self.thread.is_alive() else None

        def body() -> None:
            # Let go of the lock at once: whoever has forked waits for this thread to have begun, and has things to do.
            time.sleep(_GO_ON_S)
            if late is not None:
                late.join()
            self._body()

        self.thread = threading.Thread(target=body, name=self._name, daemon=True)
        self.thread.start()
