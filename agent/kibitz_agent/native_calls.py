"""What is called from where when that is written in C: "in json.loads", although no frame of it is on any stack.

Since CPython 3.12 `sys.monitoring` tells of a call when it is made. Only functions that samples have ended in are listened to,
and of each place in them the first call only: after it the interpreter takes the hook out, and the place costs what it
always did. A place that calls now this and now that is named after what it called first.

CPython 3.11 tells nothing: there `call_sites` reads from the bytecode what it can.

``KIBITZ_NATIVE_CALLS=0`` leaves both out. A host in which both of the tool ids that are free for all are taken is told nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    CodeType,
    MethodDescriptorType,
    MethodWrapperType,
    WrapperDescriptorType,
)
from typing import Any

VARIABLE = "KIBITZ_NATIVE_CALLS"

_MOST_WATCHED = 1000
_MOST_NAMED = 20_000
_TOOL_IDS = (4, 3)
_DESCRIPTORS = frozenset({MethodDescriptorType, WrapperDescriptorType, ClassMethodDescriptorType})
_BOUND = frozenset({BuiltinFunctionType, MethodWrapperType})
_IMMUTABLE, _ON_HEAP = 1 << 8, 1 << 9


def is_wanted() -> bool:
    """Whether the user has not left it out."""
    return os.environ.get(VARIABLE, "1").lower() not in ("0", "false", "no", "off")


class NativeCalls:
    """The places that were seen to call C, by the address of the call (see `calltree`). One a process."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self._watched: dict[int, CodeType] = {}
        self._tool: int | None = None
        self._refused = False

    def watch(self, codes: Iterable[CodeType]) -> None:
        """Listen to the next call of each place in these functions."""
        if self._tool is None and not self._begin():
            return
        monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
        for code in codes:
            if id(code) not in self._watched and len(self._watched) < _MOST_WATCHED:
                self._watched[id(code)] = code
                monitoring.set_local_events(self._tool, code, monitoring.events.CALL)

    def close(self) -> None:
        """Listen no more; the names stay."""
        if self._tool is None:
            return
        monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
        for code in self._watched.values():
            monitoring.set_local_events(self._tool, code, 0)
        monitoring.register_callback(self._tool, monitoring.events.CALL, None)
        monitoring.free_tool_id(self._tool)
        self._tool = None

    def _begin(self) -> bool:
        monitoring: Any = getattr(sys, "monitoring", None)
        if self._refused or monitoring is None or not is_wanted():
            self._refused = True
            return False
        for tool in _TOOL_IDS:
            if monitoring.get_tool(tool) is None:
                monitoring.use_tool_id(tool, "kibitz")
                monitoring.register_callback(tool, monitoring.events.CALL, self._called)
                self._tool = tool
                # What was listened to under an earlier tool id is listened to again.
                watched, self._watched = self._watched, {}
                self.watch(watched.values())
                return True
        self._refused = True
        return False

    def _called(self, code: CodeType, offset: int, function: object, argument: object) -> object:
        """The interpreter's word, on the host's thread: kept to a look at the type and a name."""
        del argument
        if len(self.names) < _MOST_NAMED and (name := name_of(function)):
            self.names.setdefault(id(code) + offset, name)
        return sys.monitoring.DISABLE  # type: ignore[attr-defined,no-any-return,unused-ignore]


def name_of(function: object) -> str:
    """``module:name`` of what is written in C, "" of anything else; only types are looked at, and names."""
    kind = type(function)
    if kind in _BOUND or kind in _DESCRIPTORS or (kind is type and is_of_c(function)):
        try:
            return _name(function, kind)
        except Exception:
            return ""
    return ""


def is_of_c(function: Any) -> bool:
    """Whether a class is one of C's: not made at run time, or at least not to be changed."""
    flags: int = function.__flags__
    return not flags & _ON_HEAP or bool(flags & _IMMUTABLE)


def _name(function: Any, kind: type) -> str:
    if kind in _DESCRIPTORS:
        return f"{function.__objclass__.__module__}:{function.__qualname__}"
    if kind is BuiltinFunctionType and isinstance(function.__module__, str):
        return f"{function.__module__}:{function.__qualname__}"
    if kind is type:
        return f"{function.__module__}:{function.__qualname__}"
    return f"{type(function.__self__).__module__}:{function.__qualname__}"


CALLS = NativeCalls()
