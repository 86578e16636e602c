"""Sub-interpreters: looks that are safe beside them, and whether this is one that the agent must leave alone.

`sys._current_frames` walks the threads of all of them. From CPython 3.12 each may have a lock of its own, and the walk crashes
the process when another one runs meanwhile; so does counting them, while one ends. Where a program has the module that
makes them, nothing is looked at that way.
"""

from __future__ import annotations

import _thread
import sys
from itertools import repeat
from operator import call
from types import FrameType

_Frames = dict[int, FrameType]
_MAKERS = {(3, 12): "_xxsubinterpreters", (3, 13): "_interpreters"}
_MAKER = _MAKERS.get(sys.version_info[:2], "concurrent.interpreters")
# By how many interpreters there may be.
_LOOKS = {1: sys._current_frames}  # noqa: SLF001


def frames() -> _Frames:
    """The topmost frame of every thread, by ident; none where other interpreters make that unsafe."""
    if _MAKER in sys.modules:
        return {}
    # Every program with an executor has this one since 3.14, and hardly any makes interpreters by it: they are counted.
    module = sys.modules.get("_interpreters")
    if module is None:
        return sys._current_frames()  # noqa: SLF001
    # One chain of C functions: between the count and the look no other thread is let in to make an interpreter.
    chain = map(call, map(_LOOKS.get, map(len, map(call, (module.list_all,))), repeat(dict)))
    found: _Frames = next(chain)
    return found


def is_closed() -> bool:
    """Whether this interpreter lets nobody start a thread that it need not wait for: one with a lock of its own."""
    allowed = getattr(_thread, "daemon_threads_allowed", None)
    return allowed is not None and not allowed()
