"""The sampler: sees what every thread is doing.

A sample costs what has changed. A thread that used no CPU time since the last tick, and whose innermost frame is the
same one at the same instruction, has not moved: its stack is not walked again, and its samples are kept as a *run*
that is handed over once, when it ends.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from types import FrameType
from typing import NamedTuple, Protocol

from kibitz_agent import interpreters, threads
from kibitz_agent.calltree import CallTree
from kibitz_agent.native_calls import CALLS
from kibitz_agent.own_threads import OWN
from kibitz_agent.tags import REGISTRY
from kibitz_agent.unpatched import get_ident

# A thread that uses less of an interval than this is waiting, however long it does so.
_IDLE_SHARE = 0.02
_WATCH_EVERY_NS = 200_000_000


class Run(NamedTuple):
    """A thread seen at one place for one or more ticks in a row.

    ``node`` is an index into the sampler's tree. ``cut``: the stack's whole depth if it was deeper than allowed,
    else 0. ``wall_ns`` and ``cpu_ns`` are what passed and what the thread used over these ticks.
    ``tags``: the number of a set in `tags.REGISTRY`. ``waits_for_gil``: it could have run, but another thread held the
    interpreter's lock; ``collects``: it was collecting garbage. Only a sampler that does not take the lock can tell.
    """

    thread: str
    node: int
    cut: int
    running: bool
    ticks: int
    wall_ns: int
    cpu_ns: int
    tags: int = 0
    waits_for_gil: bool = False
    collects: bool = False


class Tally(NamedTuple):
    """Counted since the sampler was made.

    ``looks`` at all threads, looks that were ``missed``, stacks that were ``dropped`` (they changed under every look, or
    there was no room), ``retries`` of such looks, the CPU time that a thread of the sampler's own has used, and ``blind``
    looks: those that other interpreters of the process made unsafe.
    """

    looks: int
    missed: int = 0
    dropped: int = 0
    retries: int = 0
    cpu_ns: int = 0
    blind: int = 0


FAIR_SWITCH_S = 0.00001
"""How long a thread may keep the GIL while another waits for it, in seconds, while sampling is fair. Python's: 0.005."""


class Sampler(Protocol):
    """Looks at all threads: when `sample` is called, or, the native one, on a thread of its own."""

    name: str
    estimates_cpu: bool

    @property
    def memory_bytes(self) -> int:
        """What its tree and its memory of threads occupy."""

    @property
    def is_crowded(self) -> bool:
        """Whether a memory of fixed size is nearly full, so that it should be drained."""

    def tally(self) -> Tally:
        """What was counted so far."""

    def pace(self, interval_ns: int, max_depth: int) -> int:
        """See that a look is taken every ``interval_ns``; returns how often `sample` has to be called for it, in ns."""

    def rest(self) -> None:
        """Look no more until `pace` is called."""

    def close(self) -> None:
        """End for good."""

    def sample(self, elapsed_ns: int, max_depth: int) -> list[Run]:
        """Look once, ``elapsed_ns`` after the last time; return the runs that ended since."""

    def drain(self) -> tuple[CallTree, list[Run]]:
        """End all runs, return the last of them with the tree they refer to, and go on with an empty tree."""


class AskedSampler:
    """The part of a sampler that looks only when `sample` is called: it keeps no pace, the caller does."""

    is_crowded = False
    looks = 0
    blind = 0

    def tally(self) -> Tally:
        """What was counted so far; it is the caller who misses looks."""
        return Tally(self.looks, blind=self.blind)

    def pace(self, interval_ns: int, max_depth: int) -> int:
        """Every look is a call of `sample`."""
        del max_depth
        return interval_ns

    def rest(self) -> None:
        """Looks only when asked to."""

    def close(self) -> None:
        """Holds nothing."""


class _SwitchInterval:
    """The interpreter's switch interval, made shorter for a while."""

    __slots__ = ("_before_s", "_ours_s")

    def __init__(self) -> None:
        self._before_s = self._ours_s = 0.0

    def shorten(self) -> None:
        if not self._ours_s:
            self._before_s = sys.getswitchinterval()
            if self._before_s > FAIR_SWITCH_S:
                sys.setswitchinterval(FAIR_SWITCH_S)
            self._ours_s = sys.getswitchinterval()

    def restore(self) -> None:
        if self._ours_s and sys.getswitchinterval() == self._ours_s:
            sys.setswitchinterval(self._before_s)
        self._ours_s = 0.0


class _Seen:
    """What is known of a thread from the last tick; ``idle_tick`` is -1 while no run is open."""

    __slots__ = ("back", "clock", "cpu_ns", "credit_ns", "cut", "frame", "idle_ns", "idle_tick", "lasti", "name", "node", "tags")  # fmt: skip

    def __init__(self, name: str, clock: int | None) -> None:
        self.name, self.clock = name, clock
        self.cpu_ns = self.idle_tick = self.lasti = -1
        self.frame = self.back = self.node = self.cut = self.credit_ns = self.idle_ns = self.tags = 0


# With its name and the integers that no one shares.
_SEEN_BYTES = (
    sys.getsizeof(_Seen("", None)) + sys.getsizeof("Thread-1000 (worker)") + 6 * sys.getsizeof(1 << 40)
)


class PythonSampler(AskedSampler):
    """Samples with `interpreters.frames`, under the GIL, on the thread that calls it; that one is left out.

    CPU time comes from the threads' own clocks. Threads without one share what the process used beyond that, evenly
    among those that moved and never more than passed; ``estimates_cpu`` says whether this ever was so.

    ``fair``: between `pace` and `rest` a busy thread hands the GIL over after `FAIR_SWITCH_S`, so that a look falls
    where the time is spent and not only where the host waits. It is the interpreter's setting, so all threads of the
    host pay for it: a lone one next to nothing, four that compute a third of what they got done, sixteen two thirds. A value the host
    sets meanwhile is left alone.
    """

    name = "python"

    def __init__(
        self,
        current_frames: Callable[[], dict[int, FrameType]] = interpreters.frames,
        clock_of: Callable[[int], int | None] = threads.cpu_clock,
        read_cpu_ns: Callable[[int], int] = threads.read_cpu_ns,
        name_of: Callable[[int], str] = threads.thread_name,
        process_time_ns: Callable[[], int] = time.process_time_ns,
        fair: bool = False,
    ) -> None:
        self._fair, self._switch = fair, _SwitchInterval()
        self._current_frames, self._clock_of, self._read = current_frames, clock_of, read_cpu_ns
        self._name_of, self._process_time_ns = name_of, process_time_ns
        self.estimates_cpu = False
        self._tree = CallTree()
        self._seen: dict[int, _Seen] = {}
        self._ended: list[Run] = []
        self._clockless: list[tuple[_Seen, bool]] = []
        self._ticks = self._wall_ns = self._elapsed_ns = self._max_depth = 0
        self._process_cpu_ns = process_time_ns()
        self._watched_ns = -_WATCH_EVERY_NS

    def pace(self, interval_ns: int, max_depth: int) -> int:
        """Every look is a call of `sample`; from now on threads switch fast enough for it, if this is wanted."""
        if self._fair:
            self._switch.shorten()
        return super().pace(interval_ns, max_depth)

    def rest(self) -> None:
        """Give the host its switch interval back."""
        self._switch.restore()

    def close(self) -> None:
        """Give the host its switch interval back, and listen to none of its calls."""
        self._switch.restore()
        CALLS.close()

    def sample(self, elapsed_ns: int, max_depth: int) -> list[Run]:
        """Look once, ``elapsed_ns`` after the last time; return the runs that ended since."""
        self._elapsed_ns = elapsed_ns
        if max_depth != self._max_depth:
            self._end_runs()
            self._max_depth = max_depth
        seen, read, tick, wall_ns = self._seen, self._read, self._ticks, self._wall_ns
        frames = self._current_frames()
        if not frames:  # not even the thread that asks
            self.blind += 1
        for ident in (get_ident(), *OWN.names):
            frames.pop(ident, None)
        frame = back = None
        try:
            for ident, frame in frames.items():
                thread = seen.get(ident) or self._meet(ident)
                cpu_ns = -1
                if thread.clock is not None:
                    try:
                        cpu_ns = read(thread.clock)
                    except OSError:
                        thread, cpu_ns = self._replace(ident, thread)
                    back = frame.f_back
                    if (
                        cpu_ns == thread.cpu_ns
                        and id(frame) == thread.frame
                        and frame.f_lasti == thread.lasti
                        and id(back) == thread.back
                    ):
                        if thread.idle_tick < 0:
                            thread.idle_tick, thread.idle_ns = tick, wall_ns
                        continue
                self._moved(ident, thread, frame, cpu_ns, max_depth)
            if len(seen) != len(frames):
                self._forget_dead(frames)
            if wall_ns >= self._watched_ns + _WATCH_EVERY_NS:
                self._watched_ns = wall_ns
                CALLS.watch([frame.f_code for frame in frames.values()])
        finally:
            # A frame that is held keeps the host's locals alive until the next tick.
            frame = back = None
            frames.clear()
            self._ticks = self.looks = tick + 1
            self._wall_ns = wall_ns + elapsed_ns
        if self._clockless:
            self._estimate()
        ended, self._ended = self._ended, []
        return ended

    def drain(self) -> tuple[CallTree, list[Run]]:
        """End all runs, return the last of them with the tree they refer to, and go on with an empty tree."""
        self._end_runs()
        ended, self._ended = self._ended, []
        tree, self._tree = self._tree, CallTree()
        return tree, ended

    @property
    def memory_bytes(self) -> int:
        """What the call tree and the memory of threads occupy."""
        return self._tree.memory_bytes + sys.getsizeof(self._seen) + len(self._seen) * _SEEN_BYTES

    def _meet(self, ident: int) -> _Seen:
        thread = self._seen[ident] = _Seen(self._name_of(ident), self._clock_of(ident))
        if self._ticks == 0 and thread.clock is not None:
            # What it used before sampling began belongs to no tick.
            try:
                thread.cpu_ns = self._read(thread.clock)
            except OSError:
                thread.clock = None
        return thread

    def _replace(self, ident: int, dead: _Seen) -> tuple[_Seen, int]:
        """The thread that has taken a dead one's handle, and its CPU time; -1 without a clock."""
        self._end_run(dead)
        thread = self._meet(ident)
        try:
            return thread, -1 if thread.clock is None else self._read(thread.clock)
        except OSError:
            thread.clock = None
            return thread, -1

    def _moved(self, ident: int, thread: _Seen, frame: FrameType, cpu_ns: int, max_depth: int) -> None:
        self._end_run(thread)
        stayed = id(frame) == thread.frame and frame.f_lasti == thread.lasti
        thread.frame, thread.lasti, thread.back = id(frame), frame.f_lasti, id(frame.f_back)
        thread.node, thread.cut = self._tree.walk(frame, max_depth)
        thread.tags = _tags_of(frame) if REGISTRY.frames else 0
        thread.name = self._name_of(ident)
        if cpu_ns < 0:
            self._clockless.append((thread, not stayed))
            return
        # A thread met just now was born since the last tick: all it used, it used since then.
        used_ns = min(cpu_ns, self._elapsed_ns) if thread.cpu_ns < 0 else cpu_ns - thread.cpu_ns
        thread.cpu_ns = cpu_ns
        self._end_tick(thread, self._is_running(thread, used_ns), max(0, used_ns))

    def _is_running(self, thread: _Seen, used_ns: int) -> bool:
        """Whether this tick counts as running, so that running ticks are to all ticks as CPU time is to time.

        CPU time is saved up; a tick is running when half an interval of it is there, and costs a whole one.
        """
        elapsed_ns = self._elapsed_ns
        if used_ns < elapsed_ns * _IDLE_SHARE:
            return False
        thread.credit_ns += used_ns
        if 2 * thread.credit_ns < elapsed_ns:
            return False
        thread.credit_ns = max(thread.credit_ns - elapsed_ns, -elapsed_ns)
        return True

    def _end_tick(self, thread: _Seen, running: bool, cpu_ns: int) -> None:
        self._ended.append(
            Run(thread.name, thread.node, thread.cut, running, 1, self._elapsed_ns, cpu_ns, thread.tags)
        )

    def _end_run(self, thread: _Seen) -> None:
        if thread.idle_tick >= 0:
            ticks, wall_ns = self._ticks - thread.idle_tick, self._wall_ns - thread.idle_ns
            self._ended.append(
                Run(thread.name, thread.node, thread.cut, False, ticks, wall_ns, 0, thread.tags)
            )
            thread.idle_tick = -1

    def _end_runs(self) -> None:
        for thread in self._seen.values():
            self._end_run(thread)
            thread.frame = 0  # no frame's id: the stack is walked at the next tick

    def _forget_dead(self, alive: Mapping[int, FrameType]) -> None:
        for ident in [ident for ident in self._seen if ident not in alive]:
            self._end_run(self._seen.pop(ident))

    def _estimate(self) -> None:
        """Share the process's CPU time among threads without a clock; those that stayed where they were get none."""
        self.estimates_cpu = True
        process_cpu_ns = self._process_time_ns()
        used_ns = process_cpu_ns - self._process_cpu_ns - sum(run.cpu_ns for run in self._ended)
        self._process_cpu_ns = process_cpu_ns
        movers = sum(moved for _, moved in self._clockless)
        share_ns = min(self._elapsed_ns, max(0, used_ns) // movers) if movers else 0
        for thread, moved in self._clockless:
            self._end_tick(thread, moved and self._is_running(thread, share_ns), share_ns if moved else 0)
        self._clockless.clear()


def _tags_of(frame: FrameType) -> int:
    """What the innermost marked frame of the stack carries, 0 if none is."""
    frames = REGISTRY.frames
    above: FrameType | None = frame
    while above is not None:
        found = frames.get(id(above))
        if found is not None:
            return found[1]
        above = above.f_back
    return 0
