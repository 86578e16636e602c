"""What one file may take: time and memory. Past it a review of the file ends, and says so.

Time runs out twice: first an exception ends the work, if it is Python that works; where native code does not come back,
the worker's process ends a while later. Memory that is not given out is a ``MemoryError``.
"""

from __future__ import annotations

import contextlib
import faulthandler
import functools
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

SECONDS_PER_FILE = 60.0
SECONDS_TO_THE_END = 90.0
MEMORY_BYTES = 3 * 1024**3


class TimeIsUpError(BaseException):
    """A file took longer than a file may. No ``Exception``: rules that survive those must not survive this."""


@contextlib.contextmanager
def time_limit(seconds: float = SECONDS_PER_FILE) -> Iterator[None]:
    """Raise ``TimeIsUpError`` in what takes longer; does nothing outside the main thread, and where there is no alarm."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, _ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def ends_process(seconds: float = SECONDS_TO_THE_END) -> Iterator[None]:
    """End this process if the work takes longer, whatever it is at: faulthandler's watchdog needs no interpreter."""
    try:
        faulthandler.dump_traceback_later(seconds, exit=True, file=_nowhere())
    except (OSError, RuntimeError, ValueError):
        yield
        return
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def limit_memory(bytes_more: int = MEMORY_BYTES) -> None:
    """Let this process take no more than so much memory beyond what it has; Linux only, once a process."""
    if sys.platform == "linux":
        _limit_memory(bytes_more)


@functools.cache
def _limit_memory(bytes_more: int) -> None:
    import resource

    with open("/proc/self/statm", encoding="ascii") as file:
        pages = int(file.read().split()[0])
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    wanted = pages * os.sysconf("SC_PAGE_SIZE") + bytes_more
    if most == resource.RLIM_INFINITY or wanted < most:
        resource.setrlimit(resource.RLIMIT_AS, (wanted, most))


@functools.cache
def _nowhere() -> int:
    return os.open(os.devnull, os.O_WRONLY)


def _ring(_number: int, _frame: FrameType | None) -> None:
    raise TimeIsUpError
