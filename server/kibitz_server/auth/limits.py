"""How often one may ask: a bucket of requests per asker that refills steadily."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from math import ceil

_MOST_ASKERS = 10_000


class RateLimit:
    """At most ``burst`` requests at once and ``per_s`` a second, of each asker. The longest silent are forgotten."""

    def __init__(self, per_s: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s, self._burst, self._clock = per_s, burst, clock
        self._lock = threading.Lock()
        self._left: dict[str, tuple[float, float]] = {}  # requests left, and when that was so

    def wait_s(self, asker: str, cost: float = 1.0) -> int:
        """0, and the request is counted; or in how many seconds to come back."""
        with self._lock:
            now = self._clock()
            left, at = self._left.pop(asker, (self._burst, now))
            left = min(self._burst, left + (now - at) * self._per_s)
            wait = 0 if left >= cost else ceil((cost - left) / self._per_s)
            self._left[asker] = (left - cost if not wait else left, now)
            if len(self._left) > _MOST_ASKERS:
                self._left.pop(next(iter(self._left)))
            return wait
