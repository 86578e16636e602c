"""asyncio's tasks: those that wait for something, and what their coroutines wait in.

Read from outside the loop, at any moment, through the C types' own descriptors, so that no line of the host's runs: a task,
its loop and what it awaits may all be of a subclass. Only tasks implemented in C are seen, which are all but those of an
interpreter without its extension modules.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import AsyncGeneratorType, CoroutineType, FrameType, GeneratorType
from typing import Any, NamedTuple

from kibitz_agent import interpreters
from kibitz_agent.profile import TASK

_MAX_CHAIN = 1000
# What stands between a coroutine and the asynchronous generator that it waits for, and shows it to the collector alone.
_STEPS = frozenset(
    {"async_generator_asend", "async_generator_athrow", "anext_awaitable", "coroutine_wrapper"}
)
_DEFAULT_NAME = "Task-"


class Suspended(NamedTuple):
    """Something that waits off the threads: what it is called, and its frames from the outermost in.

    ``is_ready``: it waits for nothing but its turn.
    """

    label: str
    name: str
    frames: list[FrameType]
    is_ready: bool


def suspended(most: int, start: float) -> tuple[list[Suspended], float]:
    """At most ``most`` of the waiting tasks, evenly chosen beginning at the share ``start``; and how many each stands for."""
    if "asyncio" not in sys.modules:
        return [], 1.0
    references = _references()
    if not references:
        return [], 1.0
    chosen = evenly(references, most, start)
    found = []
    for reference in chosen:
        task = reference()
        one = None if task is None else _looked_into(task)
        task = None
        if one is not None:
            found.append(one)
    return found, len(references) / len(chosen)


def evenly(things: Sequence[Any], most: int, start: float) -> Sequence[Any]:
    """At most ``most`` of them at equal distances."""
    if len(things) <= most:
        return things
    step = len(things) / most
    return [things[int((start + index) * step) % len(things)] for index in range(most)]


def chain(awaited: object) -> list[FrameType]:
    """The frames of a coroutine and of what it awaits, from the outermost in."""
    frames: list[FrameType] = []
    while awaited is not None and len(frames) < _MAX_CHAIN:
        frame, awaited = _step(awaited)
        if frame is not None:
            frames.append(frame)
    return frames


def _step(awaited: object) -> tuple[FrameType | None, object]:
    kind = type(awaited)
    if kind is CoroutineType:
        return awaited.cr_frame, awaited.cr_await  # type: ignore[attr-defined]
    if kind is GeneratorType:
        return awaited.gi_frame, awaited.gi_yieldfrom  # type: ignore[attr-defined]
    if kind is AsyncGeneratorType:
        return awaited.ag_frame, awaited.ag_await  # type: ignore[attr-defined]
    if kind.__name__ in _STEPS and not kind.__flags__ & 1 << 9:
        return None, next(iter(gc.get_referents(awaited)), None)
    return None, None


def _looked_into(task: object) -> Suspended | None:
    asked = _accessors()
    if asked is None or not asked.is_task(task) or asked.state(task) != "PENDING":
        return None
    coroutine = asked.coroutine(task)
    if type(coroutine) is CoroutineType and coroutine.cr_running:
        return None  # a thread's sample shows it
    frames = chain(coroutine)
    if not frames:
        return None
    name = asked.name(task)
    given = name if type(name) is str and not name.startswith(_DEFAULT_NAME) else ""
    return Suspended(TASK, given, frames, asked.waits_for(task) is None)


class _Accessors(NamedTuple):
    """asyncio's C type asked by its own methods, whatever a subclass has in their place."""

    is_task: Callable[[object], bool]
    state: Callable[[object], object]
    coroutine: Callable[[object], Any]
    waits_for: Callable[[object], object]
    name: Callable[[object], object]


_known: _Accessors | None = None


def _accessors() -> _Accessors | None:
    global _known
    module = sys.modules.get("_asyncio")
    if _known is None and module is not None:
        kind, future = module.Task, module.Future
        line_of = type.__dict__["__mro__"].__get__
        _known = _Accessors(
            lambda task: kind in line_of(type(task)),
            future.__dict__["_state"].__get__,
            kind.__dict__["_coro"].__get__,
            kind.__dict__["_fut_waiter"].__get__,
            kind.__dict__["get_name"],
        )
    return _known


def _references() -> list[Callable[[], object]]:
    """What gives each task that is not known to be done, or None once it is gone."""
    tasks = sys.modules.get("asyncio.tasks")
    if tasks is None:
        return []
    held: Any = getattr(tasks, "_scheduled_tasks", getattr(tasks, "_all_tasks", None))
    # A list is made of a set in one go; the set itself may change at any moment.
    references: list[Callable[[], object]] = list(getattr(held, "data", ()))
    others = [*list(getattr(tasks, "_eager_tasks", ())), *_of_loops()]
    return references + [partial(_itself, task) for task in others]


def _itself(task: object) -> object:
    return task


def _of_loops() -> Iterator[object]:
    """Tasks that only the interpreter lists, by loop: since 3.14."""
    all_tasks = getattr(sys.modules.get("_asyncio"), "all_tasks", None)
    if all_tasks is None:
        return
    for loop in _running_loops():
        yield from all_tasks(loop)


def _running_loops() -> Iterator[object]:
    """The loops that threads run, found on their stacks: there is no list of them."""
    events, runners = sys.modules.get("asyncio.base_events"), sys.modules.get("asyncio.runners")
    if events is None or runners is None:
        return
    forever, run = events.BaseEventLoop.run_forever.__code__, runners.Runner.run.__code__
    for top in interpreters.frames().values():
        frame: FrameType | None = top
        while frame is not None:
            if frame.f_code is forever:
                yield frame.f_locals["self"]  # since 3.13 a look at the variable itself, and no copy of all
                break
            if frame.f_code is run and type(frame.f_locals["self"]) is runners.Runner:
                # A loop that is not written in Python, under Python's own runner.
                yield object.__getattribute__(frame.f_locals["self"], "_loop")
                break
            frame = frame.f_back
