"""What a collector does between requests, on one background thread: rolling reports up, and looking for anomalies."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from kibitz_server import anomalies, heap_growth
from kibitz_server.store import Store

log = logging.getLogger("kibitz.server")

_PAUSE_S = 0.005  # for reports that wait to be written


class Jobs:
    """Rolls up every ``roll_up_s`` seconds and runs detection every ``interval_s``, from start() to stop()."""

    def __init__(
        self, store: Store, interval_s: float, clock: Callable[[], float] = time.time, roll_up_s: float = 15.0
    ) -> None:
        """``clock`` gives epoch seconds."""
        self._store, self._interval_s, self._clock = store, interval_s, clock
        self._roll_up_s = min(roll_up_s, interval_s)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="kibitz-jobs", daemon=True)

    def start(self) -> None:
        """Begin; the first round comes after one interval."""
        self._thread.start()

    def stop(self) -> None:
        """End as soon as the group at work is done with. Harmless when it never began."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def stopping(self) -> bool:
        """Whether stop() was called."""
        return self._stop.is_set()

    def run_once(self) -> None:
        """One round of detection. A group whose detection fails is logged and does not keep the others from theirs."""
        for group in self._store.groups():
            try:
                found = anomalies.detect_group(self._store, group.name, self._clock())
                if found:
                    self._store.save_findings(group.name, found)
            except Exception:
                log.exception("anomaly detection failed for group %s", group.name)
            self._judge_heap(group.name)
            if self._stop.is_set():
                return

    def _judge_heap(self, group: str) -> None:
        keeper = heap_growth.keeps_heaps(self._store)
        try:
            if keeper is None:
                return
            known = self._store.findings(group)
            found = heap_growth.detect_group(keeper, group, self._clock(), known)
            if found:
                self._store.save_findings(group, found)
        except Exception:
            log.exception("judging the heaps of group %s failed", group)

    def roll_up(self) -> None:
        """Roll up all that waits, in short transactions between which reports are written; then let go of what is old."""
        for group in self._store.groups():
            try:
                while not self._stop.is_set() and self._store.roll_up(group.name):
                    self._stop.wait(_PAUSE_S)
                self._store.expire(group.name)
            except Exception:
                log.exception("rolling up failed for group %s", group.name)
            if self._stop.is_set():
                return

    def _loop(self) -> None:
        waited = 0.0
        while not self._stop.wait(self._roll_up_s):
            waited += self._roll_up_s
            try:
                self.roll_up()
                if waited >= self._interval_s:
                    waited = 0.0
                    self.run_once()
            except Exception:  # the store: a full disk today may have room tomorrow
                log.exception("a background job failed; the next round tries again")
