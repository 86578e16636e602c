"""Customers for the shop: a few threads that ask for one page after the other, with pauses."""

from __future__ import annotations

import itertools
import threading
import urllib.request
from types import TracebackType
from urllib.error import URLError

CUSTOMERS = 4
_PAUSE_S = 0.01
_TIMEOUT_S = 10.0

_ROUND = (
    ("GET", "/search?q=red+thing"),
    ("POST", "/reserve?item=7"),
    ("GET", "/suggestions?item=3"),
    ("POST", "/pay?amount=12"),
    ("GET", "/catalogue"),
    ("POST", "/reserve?item=8"),
)


class Load:
    """Bounded load on the shop at ``url`` between entering and leaving a ``with`` block."""

    def __init__(self, url: str, customers: int = CUSTOMERS) -> None:
        """Nothing is asked for before the ``with`` block begins."""
        self.answered = self.failed = 0
        self._url = url
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._shop, args=(n,), daemon=True) for n in range(customers)
        ]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _shop(self, number: int) -> None:
        for method, page in itertools.islice(itertools.cycle(_ROUND), number, None):
            if self._stop.wait(_PAUSE_S):
                return
            request = urllib.request.Request(self._url + page, method=method)
            try:
                with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
                    answer.read()
                self.answered += 1
            except (URLError, OSError):
                self.failed += 1
