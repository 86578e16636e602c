"""New connections go to the process with the least to do, of several that listen on one socket.

The kernel wakes all of them and gives the connection to whoever asks first: six senders of batches often land on one
process while the other is idle. So each says in shared memory how much it has to do, and looks for new connections only
while none has less. A process that has not said anything for a while (it is held up, or ends) keeps nobody waiting.
"""

from __future__ import annotations

import mmap
import struct
import time
from collections.abc import Callable
from typing import Any

_ENTRY = struct.Struct("=dq")  # when it was written, on the monotonic clock; connections with something to do
_SILENT_S = 3.0
_FRESH_S = 1.0
_FULL = 1 << 32
HELD_BACK_S, LOOP_S = 0.005, 1.0


class Balance:
    """What each of ``count`` processes has to do. Make it before they are forked."""

    def __init__(self, count: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._count, self._clock = count, clock
        self._memory = mmap.mmap(-1, count * _ENTRY.size)

    def takes(self, number: int, load: int) -> bool:
        """Note that process ``number`` has ``load`` connections with something to do; whether it is its turn to take one more."""
        now = self._clock()
        _ENTRY.pack_into(self._memory, number * _ENTRY.size, now, load)
        return all(now - said > _SILENT_S or load <= other for said, other in self._entries())

    def _entries(self) -> list[tuple[float, int]]:
        return [_ENTRY.unpack_from(self._memory, at * _ENTRY.size) for at in range(self._count)]


class Turns:
    """Has a waitress server look for connections only when it is its process's turn."""

    def __init__(self, server: Any, balance: Balance, number: int) -> None:
        self._server, self._balance, self._number = server, balance, number
        self._is_ready = server.readable
        self._held_back = False
        server.readable = self._readable

    def pause_s(self) -> float:
        """How long the server's loop may wait: who was held back looks again soon, the others may have more to do by then."""
        return HELD_BACK_S if self._held_back else LOOP_S

    def _readable(self) -> bool:
        ready = bool(self._is_ready())  # not so with as many connections as may be: then it is for the others
        load = busy(self._server.active_channels.values(), time.time()) if ready else _FULL
        takes = self._balance.takes(self._number, load)
        self._held_back = ready and not takes
        return ready and takes


def busy(channels: Any, now: float) -> int:
    """How many of waitress's channels have something to do: a request under way, or something arrived just now."""
    return sum(1 for channel in list(channels) if channel.requests or now - channel.last_activity < _FRESH_S)
