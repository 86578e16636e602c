"""Threads: their names, and their CPU clocks, read without running a line of anyone's code.

A thread's CPU clock is reached by its kernel thread id: Linux computes the clock's id from it, and reading the
clock of a dead thread is an error. The usual way, ``time.pthread_getcpuclockid(thread.ident)``, follows a pointer
that dangles once the thread has died, which has crashed processes.

`threading` knows the kernel id of its own threads. For threads started elsewhere (``_thread``, C code) only the
pthread handle is known; the C library keeps the kernel id at a fixed offset behind it, which `_handle_offset`
measures on the calling thread, and which is read through ``/proc/self/mem``, where a bad address is an error too.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from array import array
from typing import Any

from kibitz_agent.unpatched import get_ident, get_native_id

# The dictionary of a Thread as the class Thread itself sees it: a subclass may define `name`, `native_id` or even
# `__dict__` as a property of its own, and none of that may run on the sampler's thread.
# gevent puts a subclass in the class's place.
_attributes_of = (
    next(kind for kind in threading.Thread.__mro__ if "__dict__" in kind.__dict__)
    .__dict__["__dict__"]
    .__get__
)
_HANDLE_BYTES = 4096


def thread_name(ident: int) -> str:
    """The name that `threading` has for the thread, or the empty string: it was started elsewhere."""
    name = _attribute(ident, "_name")
    return name if type(name) is str else ""


def cpu_clock(ident: int) -> int | None:
    """A clock id for `read_cpu_ns` that counts the CPU time of the thread; None where there is none."""
    if not HAVE_CPU_CLOCKS:
        return None
    known = _attribute(ident, "_native_id")
    if type(known) is int and _reads(_clock_of_native(known)):
        return _clock_of_native(known)
    # Started elsewhere; or after a fork, when `threading` still has the parent's ids.
    found = _handles.native_id(ident)
    return None if found is None or not _reads(_clock_of_native(found)) else _clock_of_native(found)


def _reads(clock: int) -> bool:
    try:
        time.clock_gettime_ns(clock)
    except OSError:
        return False
    return True


def read_cpu_ns(clock: int) -> int:
    """CPU time of the clock's thread in nanoseconds; `OSError` once that thread is dead."""
    return time.clock_gettime_ns(clock)


def _attribute(ident: int, name: str) -> Any:
    active: dict[int, threading.Thread] = threading._active  # type: ignore[attr-defined]  # noqa: SLF001
    thread = active.get(ident)
    if not issubclass(type(thread), threading.Thread):
        return None
    return dict.get(_attributes_of(thread), name)


def _clock_of_native(native: int) -> int:
    # The kernel's MAKE_THREAD_CPUCLOCK(tid, CPUCLOCK_SCHED): the id inverted, then "per thread" (4) and "sched" (2).
    return (~native << 3) | 6


def _probe() -> bool:
    """Whether clock ids computed here are the ones the kernel and the C library mean."""
    if not sys.platform.startswith("linux"):
        return False
    clock = _clock_of_native(get_native_id())
    try:
        time.clock_gettime_ns(clock)
        return clock == time.pthread_getcpuclockid(get_ident())
    except (OSError, OverflowError):
        return False


class _Handles:
    """Kernel ids read from behind pthread handles. The offset is measured once, on first need."""

    def __init__(self) -> None:
        self._memory: int | None = None
        self._offset: int | None = None

    def native_id(self, ident: int) -> int | None:
        if self._memory is None:
            self._open()
        if self._offset is None:
            return None
        words = self._read(ident + self._offset, 4)
        # A stale handle may lead anywhere; only a thread of this very process has an entry here.
        native = words[0] if words else 0
        return native if native > 0 and os.path.exists(f"/proc/self/task/{native}") else None  # noqa: PTH110

    def forget(self) -> None:
        """After a fork the open file still shows the parent's memory."""
        if self._memory is not None and self._memory >= 0:
            os.close(self._memory)
        self.__init__()  # type: ignore[misc]

    def _open(self) -> None:
        try:
            self._memory = os.open("/proc/self/mem", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._memory = -1
            return
        native = get_native_id()
        words = self._read(get_ident(), _HANDLE_BYTES) or self._read(get_ident(), 1024)
        found = [4 * index for index, word in enumerate(words) if word == native]
        # Two candidates would be a guess.
        self._offset = found[0] if len(found) == 1 else None

    def _read(self, address: int, size: int) -> array[int]:
        words = array("i")
        try:
            words.frombytes(os.pread(self._memory or 0, size, address))
        except (OSError, OverflowError, ValueError):
            del words[:]
        return words


HAVE_CPU_CLOCKS = _probe()
_handles = _Handles()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_handles.forget)
