"""gevent's greenlets: those that wait, and where.

gevent says of each greenlet that it starts (its spawn callbacks, made for this), and a weak reference is kept. What was started
before the agent was is not known. Nothing is looked for in programs that do not use gevent.
"""

from __future__ import annotations

import sys
import weakref
from types import FrameType
from typing import Any

from kibitz_agent.profile import GREENLET
from kibitz_agent.tasks import Suspended, evenly

_MOST_KNOWN = 100_000


class Greenlets:
    """Knows the greenlets that were spawned since it was made and gevent imported. One a sampler."""

    def __init__(self) -> None:
        self._known: dict[int, weakref.ref[Any]] = {}
        self._kind: Any = None

    def suspended(self, most: int, start: float) -> tuple[list[Suspended], float]:
        """At most ``most`` of those that wait, evenly chosen beginning at the share ``start``; and how many each stands for."""
        if not self._is_listening():
            return [], 1.0
        known = list(self._known.items())
        if not known:
            return [], 1.0
        chosen = evenly(known, most, start)
        found = []
        for identity, reference in chosen:
            greenlet = reference()
            if greenlet is None or self._is_dead(greenlet):
                self._known.pop(identity, None)
            elif (one := self._looked_into(greenlet)) is not None:
                found.append(one)
            greenlet = None
        return found, len(known) / len(chosen)

    def close(self) -> None:
        """Listen no more."""
        if self._kind is not None:
            self._kind.remove_spawn_callback(self._spawned)
            self._kind = None
        self._known.clear()

    def _is_listening(self) -> bool:
        if self._kind is None:
            module = sys.modules.get("gevent.greenlet")
            kind = getattr(module, "Greenlet", None)
            base = getattr(sys.modules.get("greenlet"), "greenlet", None)
            if kind is None or base is None:
                return False
            self._is_dead = base.__dict__["dead"].__get__
            self._frame_of = base.__dict__["gr_frame"].__get__
            kind.add_spawn_callback(self._spawned)
            self._kind = kind
        return True

    def _spawned(self, greenlet: object) -> None:
        """Called by gevent on the host's thread, so kept to one entry in a table."""
        if len(self._known) < _MOST_KNOWN:
            self._known[id(greenlet)] = weakref.ref(greenlet)

    def _looked_into(self, greenlet: object) -> Suspended | None:
        frame: FrameType | None = self._frame_of(greenlet)
        frames: list[FrameType] = []
        while frame is not None:
            frames.append(frame)
            frame = frame.f_back
        if not frames:
            return None  # it runs, or has not begun
        name = dict.get(object.__getattribute__(greenlet, "__dict__"), "name")
        return Suspended(GREENLET, name if type(name) is str else "", frames[::-1], False)
