"""Names and CPU clocks of threads, without a line of their owners' code."""

from __future__ import annotations

import _thread
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kibitz_agent import threads

needs_clocks = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="CPU clocks by kernel id are Linux's"
)


@contextmanager
def parked() -> Iterator[tuple[int, int]]:
    """A waiting thread started outside `threading`: its handle and its kernel id."""
    ready, done, ended = _thread.allocate_lock(), _thread.allocate_lock(), _thread.allocate_lock()
    for lock in (ready, done, ended):
        lock.acquire()
    native = []

    def body() -> None:
        native.append(threading.get_native_id())
        ready.release()
        done.acquire()
        ended.release()

    ident = _thread.start_new_thread(body, ())
    ready.acquire()
    try:
        yield ident, native[0]
    finally:
        done.release()
        ended.acquire()


def test_name_is_the_one_threading_has():
    assert threads.thread_name(threading.get_ident()) == threading.current_thread().name


def test_thread_that_threading_does_not_know_has_no_name():
    with parked() as (ident, _):
        assert threads.thread_name(ident) == ""


def test_no_code_of_a_thread_subclass_is_run():
    class Loud(threading.Thread):
        touched = False

        def __getattribute__(self, name: str) -> object:
            if threading.current_thread() is not self and name in (
                "name",
                "native_id",
                "_name",
                "_native_id",
                "__dict__",
                "__class__",
            ):
                Loud.touched = True
            return super().__getattribute__(name)

    release = threading.Event()
    loud = Loud(target=release.wait, name="loud")
    loud.start()
    ident = loud.ident
    assert ident is not None
    Loud.touched = False
    name, clock = threads.thread_name(ident), threads.cpu_clock(ident)
    assert (Loud.touched, name) == (False, "loud")
    assert clock is not None or not threads.HAVE_CPU_CLOCKS
    release.set()
    loud.join()


@needs_clocks
def test_clock_counts_the_cpu_time_of_its_thread():
    clock = threads.cpu_clock(threading.get_ident())
    assert clock is not None
    before = time.thread_time_ns()
    read = threads.read_cpu_ns(clock)
    assert before <= read <= time.thread_time_ns()


@needs_clocks
def test_clock_of_a_thread_started_outside_threading_is_found():
    with parked() as (ident, native):
        clock = threads.cpu_clock(ident)
        assert clock is not None
        assert clock == (~native << 3) | 6
        assert threads.read_cpu_ns(clock) == threads.read_cpu_ns(clock) > 0


@needs_clocks
def test_clock_of_a_dead_thread_is_an_error_not_a_crash():
    release = threading.Event()
    thread = threading.Thread(target=release.wait)
    thread.start()
    clock = threads.cpu_clock(thread.ident or 0)
    assert clock is not None
    release.set()
    thread.join()
    while Path(f"/proc/self/task/{thread.native_id}").exists():
        os.sched_yield()
    with pytest.raises(OSError, match="Invalid argument"):
        threads.read_cpu_ns(clock)


@pytest.mark.parametrize("ident", [0, 1, 8, 2**47, 2**63 - 1, 2**64 - 1])
def test_handle_that_points_nowhere_has_no_clock(ident: int):
    assert threads.cpu_clock(ident) is None


@needs_clocks
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_clock_is_right_in_a_forked_child():
    child = os.fork()
    if child == 0:
        clock = threads.cpu_clock(threading.get_ident())
        os._exit(0 if clock is not None and threads.read_cpu_ns(clock) <= time.thread_time_ns() else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_platform_without_clocks_says_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(threads, "HAVE_CPU_CLOCKS", False)
    assert threads.cpu_clock(threading.get_ident()) is None
    monkeypatch.setattr(sys, "platform", "darwin")
    assert threads._probe() is False
