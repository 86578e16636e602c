"""One heap for all threads of a collector: glibc gives each thread its own, and each keeps what its largest report took."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

_ARENA_MAX = -8  # M_ARENA_MAX in malloc.h


def share_heap() -> bool:
    """Make threads share one heap; call before they start. False where the C library has no such setting.

    Threads of one interpreter rarely allocate at the same time. Measured: 147 MB instead of 599 MB after 1,100 reports of
    20,000 nodes in batches from two clients.
    """
    if not sys.platform.startswith("linux"):
        return False
    with suppress(OSError, AttributeError):
        return bool(ctypes.CDLL(None).mallopt(_ARENA_MAX, 1))
    return False
