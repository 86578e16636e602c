"""Group commit: reports that arrive together are written in one transaction, synced to disk once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from kibitz_server.store import BusyError, StoreError

_T = TypeVar("_T")

MOST_WAITING = 1024
MOST_TOGETHER = 128
GATHER_S = 0.004


class _Waiting(Generic[_T]):
    __slots__ = ("done", "error", "item", "result")

    def __init__(self, item: _T) -> None:
        self.item, self.result = item, False
        self.error: BaseException | None = None
        self.done = threading.Event()


class GroupWriter(Generic[_T]):
    """Hands what many threads submit to ``commit``, in batches, on one thread of its own."""

    def __init__(self, commit: Callable[[Sequence[_T]], Sequence[bool]]) -> None:
        """``commit(items)`` makes all of them durable, or raises and makes none; it tells which were new."""
        self._commit = commit
        self._queue: deque[_Waiting[_T]] = deque()
        self._ready = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many are not written yet."""
        return len(self._queue)

    def write(self, item: _T) -> bool:
        """Return once ``item`` is durable: whether it was new. `BusyError` when too many wait already."""
        return self.write_all([item])[0]

    def write_all(self, items: Sequence[_T]) -> list[bool]:
        """Return once all are durable: which were new. What one of them raises is raised once all have been tried."""
        if not items:
            return []
        submitted = [_Waiting(item) for item in items]
        with self._ready:
            if self._closed:
                raise StoreError("the store is closed")
            if self._queue and len(self._queue) + len(items) > MOST_WAITING:
                raise BusyError(f"{len(self._queue)} reports wait to be written", retry_after_s=2)
            if self._thread is None:
                self._thread = threading.Thread(target=self._loop, name="kibitz-writer", daemon=True)
                self._thread.start()
            self._queue.extend(submitted)
            self._ready.notify()
        for waiting in submitted:
            waiting.done.wait()
        for waiting in submitted:
            if waiting.error is not None:
                raise waiting.error
        return [waiting.result for waiting in submitted]

    def close(self) -> None:
        """Write what waits, then end."""
        with self._ready:
            self._closed = True
            self._ready.notify()
        if self._thread is not None:
            self._thread.join()

    def _loop(self) -> None:
        together = 1
        while True:
            with self._ready:
                while not self._queue and not self._closed:
                    self._ready.wait()
                self._gather(together)
                batch = [self._queue.popleft() for _ in range(min(len(self._queue), MOST_TOGETHER))]
            if not batch:
                return
            together = len(batch)
            self._write(batch)

    def _gather(self, expected: int) -> None:
        """Wait a little for as many as came together last: a sync for two costs what one for twenty does.

        Who comes alone never waits.
        """
        if len(self._queue) < expected and not self._closed:
            self._ready.wait_for(lambda: self._closed or len(self._queue) >= expected, GATHER_S)

    def _write(self, batch: list[_Waiting[_T]]) -> None:
        try:
            results = self._commit([waiting.item for waiting in batch])
            for waiting, result in zip(batch, results, strict=True):
                waiting.result = result
        except Exception as error:
            if len(batch) > 1:  # one that cannot be written must not take the others with it
                for waiting in batch:
                    self._write([waiting])
                return
            batch[0].error = error
        for waiting in batch:
            waiting.done.set()
