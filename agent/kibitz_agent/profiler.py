"""The profiler: the agent's public face, its two threads, and its manners when the host starts, forks and ends.

One thread turns a `session.Session` (looks at all threads, ends periods), the other runs `shipping.Shipping` (builds
profiles, talks to the collector), so that sampling goes on while a report is in flight. Nothing here raises into the
host: what goes wrong is one line in the log "kibitz".
"""

from __future__ import annotations

import atexit
import os
import sys
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from kibitz_agent.config import Configuration, Settings, log
from kibitz_agent.fleet import Identity
from kibitz_agent.interpreters import is_closed
from kibitz_agent.limits import usable_memory_bytes
from kibitz_agent.native import best_sampler
from kibitz_agent.own_threads import is_abandoned
from kibitz_agent.preload import is_patched, preload
from kibitz_agent.reporters import Reporter
from kibitz_agent.sampler import Sampler
from kibitz_agent.scheduler import Alarm
from kibitz_agent.session import Clock, Session
from kibitz_agent.shipping import Shipping
from kibitz_agent.sigterm import Sigterm
from kibitz_agent.worker import Worker

STOP_TIMEOUT_S = 5.0
"""How long the end of the host may be held up, at most, by the last report."""

_RETRY_S = 60.0
# How often a forked child is looked at for whether anybody is left in it but the agent.
_CHILD_LOOKS_S = 1.0
# How long a fork may be held up, at most, by the agent's threads coming to a safe point.
_PAUSE_S = 0.5
_POLL_S = 0.005
_MAX_RETRY_S = 3600.0

_running: weakref.WeakSet[Profiler] = weakref.WeakSet()
_hooked = False


class Profiler:
    """Profiles this process from `start` to `stop`. May be started again after it was stopped.

    ``reporter`` takes the profiles, ``identity`` says whose they are, ``settings`` are resolved ones or a
    `Configuration` that the collector may still change. ``sampler`` makes a sampler; ``clock`` is the module `time`
    or something like it. ``follows_forks``: children are profiled as well.
    """

    def __init__(
        self,
        reporter: Reporter,
        identity: Identity,
        settings: Settings | Configuration | None = None,
        clock: Clock = time,
        sampler: Callable[[], Sampler] = best_sampler,
        follows_forks: bool = True,
    ) -> None:
        self._reporter, self._identity, self._clock, self._new_sampler = reporter, identity, clock, sampler
        if isinstance(settings, Settings):
            settings = Configuration.of(settings)
        self._configuration = settings or Configuration()
        self._follows_forks = follows_forks
        self._alarm = Alarm()
        self._stopping = self._flushing = False
        self._sampling: Worker | None = None
        self._sending: Worker | None = None
        self._shipping: Shipping | None = None
        self._session: Session | None = None
        self._process_id = self._memory_bytes = 0
        self._pausing = self._in_child = False
        self._sigterm = Sigterm(self.stop, self.flush)

    @property
    def settings(self) -> Settings:
        """The settings in force; the collector may change them while the profiler runs."""
        return self._configuration.settings

    def is_running(self) -> bool:
        """Whether the profiler's threads are alive in this process."""
        return self._process_id == os.getpid() and any(worker.is_alive() for worker in self._workers)

    @property
    def _workers(self) -> list[Worker]:
        return [worker for worker in (self._sampling, self._sending) if worker is not None]

    def start(self) -> bool:
        """Begin to profile; True if the profiler runs now. Starting a running one changes nothing.

        In a child that was forked by something that told nobody (C code), sampling begins anew.
        """
        if self.is_running():
            return True
        if is_closed():
            log.info(
                "kibitz is not started: an interpreter with a lock of its own lets no daemon threads run"
            )
            return False
        if self._process_id not in (0, os.getpid()):
            self._session = None
            self._identity = replace(self._identity, process_id=os.getpid())
        if not self.settings.enabled:
            log.info("kibitz is not started: it is disabled by its settings")
            return False
        try:
            self._start_threads()
            self._sigterm.install()
            atexit.register(self._at_exit)
            _hook_forks()
        except Exception as error:
            log.warning("kibitz is not started: %s: %s", type(error).__name__, error)
            self._stopping = True
            self._alarm.wake()
            return False
        _running.add(self)
        return True

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """End sampling and report what was seen; returns within ``timeout_s`` seconds whatever the collector does.

        Safe to call twice, from any thread, and from a signal handler that interrupted another call.
        """
        try:
            self._stop(timeout_s)
        except Exception as error:
            log.warning("kibitz did not stop cleanly: %s: %s", type(error).__name__, error)

    def flush(self, timeout_s: float = 0.0) -> bool:
        """Ask for what was seen so far to be reported, and wait at most that long; whether it was.

        Without a time it does not wait, and is safe in a signal handler.
        """
        self._flushing = True
        self._alarm.wake()
        shipping = self._shipping
        until_s = time.monotonic() + timeout_s
        while timeout_s and self.is_running() and shipping is not None and time.monotonic() < until_s:
            if not self._flushing and shipping.is_free:
                return True
            time.sleep(_POLL_S)
        return False

    def _start_threads(self, ask: bool = True) -> None:
        self._alarm = Alarm()
        self._stopping = self._flushing = self._pausing = False
        self._process_id, self._session = os.getpid(), None
        # Here, not on the sampler's thread: every file read there would wait for a busy host to let go of the GIL.
        self._memory_bytes = self._memory_bytes or usable_memory_bytes()
        if is_patched():
            preload()
        shipping = Shipping(
            self._reporter, self._identity, self._configuration, self._clock, self._alarm.wake
        )
        self._shipping = shipping
        self._sampling = Worker("sampler", self._sample)
        self._sending = Worker("shipping", shipping.run)
        if ask:
            shipping.ask()
        for worker in self._workers:
            worker.start()

    def _stop(self, timeout_s: float) -> None:
        deadline_s = time.monotonic() + timeout_s
        self._stopping = True
        self._alarm.wake()
        if self._process_id != os.getpid():
            return  # forked by something that told nobody: the threads are the parent's
        was_running = self.is_running()
        for worker in self._workers:
            if not worker.is_current():
                worker.join(max(0.0, deadline_s - time.monotonic()))
        if was_running:
            self._reporter.close(max(0.0, deadline_s - time.monotonic()))
        _running.discard(self)
        atexit.unregister(self._at_exit)
        self._sigterm.restore()

    def _sample(self) -> None:
        """The sampler thread. An unexpected error ends the session; a later one begins afresh."""
        shipping, alarm = self._shipping, self._alarm
        assert shipping is not None
        retry_s, is_first = _RETRY_S, True
        # Who is stopped before this thread got to run was there all the same: one look, as by every session.
        while self._goes_on() or (is_first and not self._pausing):
            is_first = False
            try:
                self._turn(shipping, alarm)
            except Exception as error:
                self._session = None
                log.warning(
                    "kibitz rests for %.0f s after an error: %s: %s", retry_s, type(error).__name__, error
                )
                # Woken by a new setting or `stop`: only the latter counts.
                until_s = time.monotonic() + retry_s
                while self._goes_on() and (left_s := until_s - time.monotonic()) > 0:
                    alarm.wait(left_s)
                retry_s = min(2 * retry_s, _MAX_RETRY_S)
        if not self._pausing:
            shipping.end()
            if self._in_child and is_abandoned():
                self._close_alone()

    def _close_alone(self) -> None:
        """Report the last of a process whose own threads have all ended: nobody is left to call `stop`."""
        if self._sending is not None:
            self._sending.join(STOP_TIMEOUT_S)
        self._reporter.close(STOP_TIMEOUT_S)
        self._sigterm.restore()  # its thread would keep the process alive

    def _turn(self, shipping: Shipping, alarm: Alarm) -> None:
        session = self._session
        if session is None:
            session = self._session = Session(
                self._new_sampler(), self._configuration, shipping, self._clock, self._memory_bytes
            )
        try:
            while self._goes_on():
                wait_s = session.turn()
                if self._flushing:
                    session.flush()
                    shipping.send()
                    self._flushing = False
                if self._in_child:
                    # A thread that forked ends the child by returning: no `atexit`, no signal, it is just not there any more.
                    wait_s = min(wait_s, _CHILD_LOOKS_S)
                    if is_abandoned():
                        self._stopping = True
                alarm.wait(0.0 if self._stopping else wait_s)
            if self._pausing and not self._stopping:
                session.pause()
                return
            session.finish()
        except BaseException:
            session.close()
            raise
        session.close()

    def _goes_on(self) -> bool:
        return not self._stopping and not self._pausing

    def _at_exit(self) -> None:
        self.stop()
        if getattr(sys, "last_type", None) is KeyboardInterrupt:
            # The interpreter notes that an interrupt ends the program, and ends by the signal itself. Executing text, as
            # the modules do that are imported for the last report, makes it forget; text that is interrupted, remember.
            with suppress(KeyboardInterrupt):
                exec("raise KeyboardInterrupt")

    def pause_for_fork(self) -> None:
        """Before a fork: the threads end at a safe point, so that no lock of theirs is held, and no warning is due.

        A report that is in flight is not waited for: its thread goes on in the parent, and the child knows it not.
        """
        if not self.is_running() or self._stopping:
            return
        self._pausing = True
        self._alarm.wake()
        if self._shipping is not None:
            self._shipping.pause()
        self._sigterm.pause()
        deadline_s = time.monotonic() + _PAUSE_S
        for worker in [*self._workers, *self._sigterm.workers]:
            worker.join(max(0.0, deadline_s - time.monotonic()))

    def go_on_after_fork(self) -> None:
        """After a fork, in the parent: where the threads left off."""
        if not self._pausing:
            return
        self._pausing = False
        for worker in [*self._workers, *self._sigterm.workers]:
            worker.go_on()

    def begin_in_child(self) -> None:
        """After a fork, in the child: nothing of the parent's is kept, sampling begins anew under the child's id."""
        session, self._session = self._session, None
        self._sampling = self._sending = None
        if not self._follows_forks:
            return
        if session is not None:
            session.close()  # of the parent's sampler the child has the memory, not the thread
        self._in_child = True
        self._identity = replace(self._identity, process_id=os.getpid())
        # What the collector told the parent holds here too: a child that lives for a moment asks nothing.
        self._start_threads(ask=False)
        self._sigterm.begin_in_child()
        util = sys.modules.get("multiprocessing.util")
        if util is not None:
            # multiprocessing ends its children without running atexit.
            util.register_after_fork(
                self, lambda profiler: util.Finalize(None, profiler.stop, exitpriority=-100)
            )


def _hook_forks() -> None:
    global _hooked
    if not _hooked and hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
        )
        _hooked = True


# Nothing is logged here: in the child of a fork a handler's lock may be held for ever by a thread that is not there.
def _before_fork() -> None:
    for profiler in list(_running):
        with suppress(Exception):
            profiler.pause_for_fork()


def _after_fork_in_parent() -> None:
    for profiler in list(_running):
        with suppress(Exception):
            profiler.go_on_after_fork()


def _after_fork_in_child() -> None:
    for profiler in list(_running):
        with suppress(Exception):
            profiler.begin_in_child()
