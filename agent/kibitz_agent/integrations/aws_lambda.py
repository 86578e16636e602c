"""AWS Lambda: profile a handler, whose process is frozen between two calls.

::

    from kibitz_agent.integrations.aws_lambda import profiled

    @profiled(group="orders", collector="https://kibitz.example.org")
    def handler(event, context):
        ...

The first call starts the agent; a call after which a report is due sends it before it returns, for at most ``flush_s``
seconds and never into the last second that the call has left.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

import kibitz_agent

_REPORT_EVERY_S = 60.0
_SPARE_S = 1.0

Handler = Callable[[Any, Any], Any]


def profiled(
    flush_s: float = 2.0, clock: Callable[[], float] = time.monotonic, **options: Any
) -> Callable[[Handler], Handler]:
    """A decorator for handlers; ``options`` are those of `kibitz_agent.start`."""

    def decorate(handler: Handler) -> Handler:
        reported_s = clock()

        @functools.wraps(handler)
        def call(event: Any, context: Any) -> Any:
            nonlocal reported_s
            profiler = kibitz_agent.start(**options)
            try:
                return handler(event, context)
            finally:
                if clock() - reported_s >= _REPORT_EVERY_S:
                    reported_s = clock()
                    profiler.flush(min(flush_s, _left_s(context)))

        return call

    return decorate


def _left_s(context: Any) -> float:
    """Seconds this call may still take, less a spare one; unbounded where nobody says."""
    ask = getattr(context, "get_remaining_time_in_millis", None)
    return max(0.0, ask() / 1000 - _SPARE_S) if callable(ask) else float("inf")
