"""The end of a collector that was told to stop: what was asked is answered and what is answered is sent, then it is over."""

from __future__ import annotations

import time
from collections.abc import Callable, MutableMapping
from typing import Any

from waitress import wasyncore

_PAUSE_S = 0.05


def drain(
    server: Any,
    watched: MutableMapping[int, Any],
    limit_s: float,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Serve on without new connections until nobody waits for anything, or for ``limit_s`` seconds.

    ``server`` is waitress's and ``watched`` the descriptors its loop watches. A request whose body is on its way is
    waited for, and an answer of many pieces is sent to its end; a connection with nothing to do is closed.
    """
    server.readable = _never
    until = clock() + limit_s
    while True:
        # First what has arrived: a connection just made may have a request waiting to be read.
        wasyncore.loop(_PAUSE_S, map=watched, count=1)
        for channel in list(server.active_channels.values()):
            if _is_idle(channel):
                channel.handle_close()
        if not server.active_channels or clock() > until:
            return


def _never() -> bool:
    return False


def _is_idle(channel: Any) -> bool:
    with channel.requests_lock:
        return not (channel.requests or channel.request is not None or channel.total_outbufs_len)
