"""Sub-interpreters: looks that are safe beside them, and whether this is one that the agent must leave alone.

`sys._current_frames` walks the threads of all of them. From CPython 3.12 each may have a lock of its own, and the walk crashes
the process when another one runs meanwhile: while there is more than one interpreter, nothing is looked at that way.
"""

from __future__ import annotations

import _thread
import sys
from itertools import repeat
from operator import call
from types import FrameType

_Frames = dict[int, FrameType]
# By the number of interpreters.
_LOOKS = {1: sys._current_frames}  # noqa: SLF001


def frames() -> _Frames:
    """The topmost frame of every thread, by ident; none while other interpreters make that unsafe."""
    if sys.version_info[:2] == (3, 12) and "_xxsubinterpreters" in sys.modules:
        return {}  # whoever lists interpreters there owns them for a moment, and may end them
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
