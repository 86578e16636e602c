"""Tags: what the host says of its work, kept with every sample taken while it is done.

`tag` marks the frame of the function that uses it. A sampler that meets the frame on a stack knows that all below it belongs
to the tag, in a coroutine across its awaits too, and without running a line of the host's code. Nested tags add up; a
`contextvars.ContextVar` carries the outer ones.
"""

from __future__ import annotations

import functools
import inspect
import sys
import threading
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from types import FrameType
from typing import Any, Protocol, TypeVar

from kibitz_agent.config import log
from kibitz_agent.profile import THREAD_NAME, THREAD_STATE, TRUNCATED, WAITS_FOR

MAX_SETS = 1000
"""So many different sets of tags are told apart in one process; what comes later is filed under `OTHER`."""

MAX_PASSING = 16_384
"""So many sets that come once and never again are remembered: what a profile of the last minutes can still name."""

OTHER = "__other__"
LONGEST_VALUE = 200
"""Characters of a value that are kept."""

# Numbers of sets that come once; they come round, as the native sampler keeps 32 bits of them.
_FIRST_PASSING, _PASSING_NUMBERS = 1 << 24, MAX_PASSING << 12

_RESERVED = frozenset({THREAD_NAME, THREAD_STATE, TRUNCATED, WAITS_FOR})
_F = TypeVar("_F", bound=Callable[..., Any])

Labels = tuple[tuple[str, str], ...]


class Listener(Protocol):
    """A sampler that has to be told of marked frames, because it cannot look them up while it samples."""

    def mark(self, frame: FrameType, tags: int) -> None:
        """From now on ``frame`` carries the set of tags."""

    def unmark(self, frame: FrameType) -> None:
        """No longer."""


class Tags:
    """The sets of tags by number, 0 the empty one, and the frames that carry one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sets: list[Labels] = [()]
        self._numbers: dict[Labels, int] = {(): 0}
        self._passing: list[tuple[int, int, Labels]] = []
        self._passed = 0
        self.frames: dict[int, tuple[FrameType, int]] = {}
        """By the identity of the frame, which is held, so that no other takes its place: the frame and its set."""
        self.listener: Listener | None = None

    def labels(self, number: int) -> Labels:
        """The tags of a set."""
        base, passing = self._found(number)
        return (self._sets[base] if 0 <= base < len(self._sets) else ()) + passing

    def passing(self, base: int, labels: Labels) -> int:
        """The number of a set that comes once: ``base`` and these. The oldest make room for it."""
        with self._lock:
            number = _FIRST_PASSING + self._passed % _PASSING_NUMBERS
            entry = (number, base, labels)
            if len(self._passing) < MAX_PASSING:
                self._passing.append(entry)
            else:
                self._passing[self._passed % MAX_PASSING] = entry
            self._passed += 1
        return number

    def base(self, number: int) -> int:
        """The set without what comes once; 0, the empty one, if that is forgotten."""
        return self._found(number)[0]

    def extended(self, number: int, labels: Mapping[str, str]) -> int:
        """The number of the set with these labels more, or in the place of its own."""
        base, passing = self._found(number)
        base = self.number({**dict(self.labels(base)), **labels})
        return self.passing(base, passing) if passing else base

    def _found(self, number: int) -> tuple[int, Labels]:
        if number < _FIRST_PASSING:
            return number, ()
        slot = (number - _FIRST_PASSING) % MAX_PASSING
        if slot < len(self._passing) and self._passing[slot][0] == number:
            return self._passing[slot][1:]
        return 0, ()

    def number(self, labels: Mapping[str, str]) -> int:
        """The number of a set; past `MAX_SETS` the values are not told apart any more."""
        key = tuple(sorted(labels.items()))
        found = self._numbers.get(key)
        if found is not None:
            return found
        with self._lock:
            if len(self._sets) >= MAX_SETS:
                key = tuple((name, OTHER) for name, _ in key)
                if len(self._sets) >= 2 * MAX_SETS and key not in self._numbers:
                    return 0
            return self._added(key)

    def _added(self, key: Labels) -> int:
        found = self._numbers.get(key)
        if found is None:
            found = len(self._sets)
            self._sets.append(key)
            self._numbers[key] = found
        return found

    def mark(self, frame: FrameType, number: int) -> int | None:
        """Mark a frame; what it carried before, to be given to `unmark`."""
        before = self.frames.get(id(frame))
        self.frames[id(frame)] = (frame, number)
        if self.listener is not None:
            self.listener.mark(frame, number)
        return None if before is None else before[1]

    def unmark(self, frame: FrameType, before: int | None) -> None:
        """Give the frame back what it carried before."""
        if before is not None:
            self.mark(frame, before)
            return
        self.frames.pop(id(frame), None)
        if self.listener is not None:
            self.listener.unmark(frame)

    def listen(self, listener: Listener | None) -> None:
        """Tell ``listener`` of the frames marked now and from now on."""
        self.listener = listener
        if listener is not None:
            for frame, number in list(self.frames.values()):
                listener.mark(frame, number)


REGISTRY = Tags()
CURRENT: ContextVar[int] = ContextVar("kibitz_tags", default=0)
"""The number of the set that the running context carries."""


class tag:  # noqa: N801 - it reads like a statement
    """``with tag(endpoint="/cart"):`` or ``@tag(job="nightly")``: the samples taken meanwhile carry these labels.

    Names are identifiers, values become text. Never raises; a name that profiles use themselves (thread, state) is left out.
    """

    __slots__ = ("_before", "_frame", "_labels", "_token")

    def __init__(self, **labels: object) -> None:
        self._labels = {name: _text(value) for name, value in labels.items() if name not in _RESERVED}
        if len(self._labels) != len(labels):
            log.warning("kibitz: tags cannot be called %s", ", ".join(sorted(_RESERVED & set(labels))))
        self._frame: FrameType | None = None
        self._before: int | None = None
        self._token: Token[int] | None = None

    def __enter__(self) -> tag:
        self._enter(sys._getframe(1))  # noqa: SLF001
        return self

    def __exit__(self, *error: object) -> None:
        self._exit()

    def __call__(self, function: _F) -> _F:
        """The function, tagged whenever it runs."""
        labels = self._labels
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def tagged_coroutine(*arguments: Any, **keywords: Any) -> Any:
                with tag(**labels):
                    return await function(*arguments, **keywords)

            return tagged_coroutine  # type: ignore[return-value]

        @functools.wraps(function)
        def tagged(*arguments: Any, **keywords: Any) -> Any:
            with tag(**labels):
                return function(*arguments, **keywords)

        return tagged  # type: ignore[return-value]

    def _enter(self, frame: FrameType) -> None:
        number = REGISTRY.extended(CURRENT.get(), self._labels)
        self._token, self._frame = CURRENT.set(number), frame
        self._before = REGISTRY.mark(frame, number)

    def _exit(self) -> None:
        frame, token = self._frame, self._token
        self._frame = self._token = None
        if frame is not None:
            REGISTRY.unmark(frame, self._before)
        if token is not None:
            try:
                CURRENT.reset(token)
            except ValueError:
                return  # left in another context than entered: a generator that was closed by someone else


def _text(value: object) -> str:
    try:
        return str(value)[:LONGEST_VALUE]
    except Exception:
        return f"<{type(value).__name__}>"
