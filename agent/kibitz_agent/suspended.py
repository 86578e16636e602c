"""Samples of what waits off the threads: a task or greenlet that is suspended is on no thread's stack, and still takes its time.

Looked at far more rarely than threads are, and never more than `MOST` at once, each standing for as many as were left out: a
thousand connections that wait must cost no more than one. Their samples are waiting ones, with no CPU time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import thread_time_ns
from types import CodeType
from typing import NamedTuple

from kibitz_agent import tasks
from kibitz_agent.calltree import CallTree
from kibitz_agent.greenlets import Greenlets
from kibitz_agent.profile import LOOP, THREAD_STATE, WAITING, WAITS_FOR
from kibitz_agent.scheduler import random_share
from kibitz_agent.tasks import Suspended

MOST = 50
"""So many are looked into at once."""

EVERY_NS = 100_000_000
"""The shortest time between two looks."""

# A look may cost this part of the time between two.
_COST_SHARE = 500
_MOST_NAMES = 256
_OTHER = "__other__"

Labels = tuple[tuple[str, str], ...]


class Aside(NamedTuple):
    """What was seen off the threads in a period: its own tree, and values (ticks, wall ns, CPU ns) by node and labels.

    ``names``: the code of outermost functions, with the label and the name that running samples of theirs get.
    """

    tree: CallTree
    samples: dict[tuple[int, Labels], list[int]]
    names: dict[int, tuple[CodeType, str, str]]


class SuspendedSampler:
    """Looks at tasks and greenlets now and then. Used by one thread."""

    def __init__(
        self,
        clock_ns: Callable[[], int] = thread_time_ns,
        random: Callable[[], float] = random_share,
    ) -> None:
        self._clock_ns, self._random = clock_ns, random
        self._greenlets = Greenlets()
        self._elapsed_ns = self._ticks = 0
        self._every_ns = EVERY_NS
        self._is_busy = False
        self._labels: set[str] = set()
        self._clear()

    def _clear(self) -> None:
        self._tree = CallTree()
        self._samples: dict[tuple[int, Labels], list[int]] = {}
        self._names: dict[int, tuple[CodeType, str, str]] = {}

    @property
    def every_ns(self) -> int | None:
        """How often `tick` should be called, at least; None while nothing is there to be looked at."""
        return self._every_ns if self._is_busy else None

    @property
    def memory_bytes(self) -> int:
        """What the tree and the samples occupy, roughly."""
        return self._tree.memory_bytes + 400 * len(self._samples)

    def tick(self, elapsed_ns: int, ticks: int, max_depth: int) -> None:
        """Time has passed, and as many looks at the threads were taken; look here as well if it is time."""
        self._elapsed_ns += elapsed_ns
        self._ticks += ticks
        if self._elapsed_ns < self._every_ns:
            return
        began_ns = self._clock_ns()
        self._is_busy = False
        for look in (tasks.suspended, self._greenlets.suspended):
            found, weight = look(MOST, self._random())
            self._is_busy = self._is_busy or bool(found)
            self._fold(found, weight, max_depth)
        self._elapsed_ns = self._ticks = 0
        self._every_ns = max(EVERY_NS, _COST_SHARE * (self._clock_ns() - began_ns))

    def drain(self) -> Aside:
        """What was seen since the last time."""
        aside = Aside(self._tree, self._samples, self._names)
        self._clear()
        return aside

    def close(self) -> None:
        """Look no more."""
        self._greenlets.close()

    def _fold(self, found: Iterable[Suspended], weight: float, max_depth: int) -> None:
        ticks, wall_ns = round(weight * max(1, self._ticks)), round(weight * self._elapsed_ns)
        for one in found:
            node, _ = self._tree.add_frames(one.frames, max_depth)
            key = (node, self._labels_of(one))
            values = self._samples.setdefault(key, [0, 0, 0])
            values[0] += ticks
            values[1] += wall_ns

    def _labels_of(self, one: Suspended) -> Labels:
        code = one.frames[0].f_code
        name = self._bounded(one.name or code.co_qualname)
        known = self._names.setdefault(id(code), (code, one.label, name))
        if known[2] != name:
            # Several go by this function: which of them runs, its frames do not say.
            self._names[id(code)] = (code, one.label, self._bounded(code.co_qualname))
        waits = ((WAITS_FOR, LOOP),) if one.is_ready else ()
        return ((THREAD_STATE, WAITING), (one.label, name), *waits)

    def _bounded(self, name: str) -> str:
        """The name, unless there are too many: a server may name each of its tasks after a request."""
        if name not in self._labels:
            if len(self._labels) >= _MOST_NAMES:
                return _OTHER
            self._labels.add(name)
        return name
