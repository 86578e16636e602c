"""What a collector does between requests: looking for anomalies, now and then, on one background thread."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from kibitz_server import anomalies
from kibitz_server.store import Store

log = logging.getLogger("kibitz.server")


class Jobs:
    """Runs detection over every group each ``interval_s`` seconds, from start() to stop()."""

    def __init__(self, store: Store, interval_s: float, clock: Callable[[], float] = time.time) -> None:
        """``clock`` gives epoch seconds."""
        self._store, self._interval_s, self._clock = store, interval_s, clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="kibitz-jobs", daemon=True)

    def start(self) -> None:
        """Begin; the first round comes after one interval."""
        self._thread.start()

    def stop(self) -> None:
        """End as soon as the group at work is judged. Harmless when it never began."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def stopping(self) -> bool:
        """Whether stop() was called."""
        return self._stop.is_set()

    def run_once(self) -> None:
        """One round. A group whose detection fails is logged and does not keep the others from theirs."""
        for group in self._store.groups():
            try:
                found = anomalies.detect_group(self._store, group.name, self._clock())
                if found:
                    self._store.save_findings(group.name, found)
            except Exception:
                log.exception("anomaly detection failed for group %s", group.name)
            if self._stop.is_set():
                return

    def _loop(self) -> None:
        while not self._stop.wait(self._interval_s):
            try:
                self.run_once()
            except Exception:  # the store: a full disk today may have room tomorrow
                log.exception("anomaly detection failed; the next round tries again")
