"""Several processes behind one listening socket: each serves on its own, one that dies is replaced."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from kibitz_server.config import ConfigError

log = logging.getLogger("kibitz.server")

_PR_SET_PDEATHSIG = 1
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_PAUSE_S = 1.0

Work = Callable[[int], int]


def supervise(count: int, work: Work, begun: Callable[[], None], pause_s: float = _PAUSE_S) -> int:
    """Run ``work(number)`` in ``count`` processes until SIGTERM or SIGINT, which each of them gets too; 0 then.

    ``begun()`` is called once they run. Call while the process has one thread: its workers are forks of it. A worker that ends by itself is replaced after
    ``pause_s`` seconds, under its own number.
    """
    if not hasattr(os, "fork"):
        raise ConfigError("--workers: this platform has no fork; run several collectors instead")
    watched = {*_SIGNALS, signal.SIGCHLD}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    running: dict[int, int] = {}
    try:
        for number in range(count):
            running[_forked(number, work)] = number
        begun()
        while signal.sigwait(watched) not in _SIGNALS:
            for number in _ended(running):
                time.sleep(pause_s)
                running[_forked(number, work)] = number
    finally:
        _stop(running)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return 0


def _forked(number: int, work: Work) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    process = os.fork()
    if process:
        return process
    status = 1
    try:
        _die_with(parent)
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {*_SIGNALS, signal.SIGCHLD})
        status = work(number)
    except Exception:
        log.exception("worker %d failed", number)
    finally:
        os._exit(status)  # what the parent would do at its end is not this process's to do


def _die_with(parent: int) -> None:
    """A supervisor that is killed takes its workers along; only Linux has a way to say so."""
    if sys.platform.startswith("linux"):
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)


def _ended(running: dict[int, int]) -> list[int]:
    """The numbers of workers that are no more."""
    gone = []
    for process in list(running):
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            number = running.pop(process)
            log.error("worker %d ended (%s), another takes its place", number, _how(status))
            gone.append(number)
    return gone


def _stop(running: dict[int, int]) -> None:
    for process in running:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGTERM)
    for process in running:
        with suppress(ChildProcessError):
            os.waitpid(process, 0)


def _how(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"signal {os.WTERMSIG(status)}"
    return f"status {os.waitstatus_to_exitcode(status)}"
