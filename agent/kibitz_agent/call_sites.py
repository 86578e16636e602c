"""What a sample that ends at an instruction was doing in C: what it calls, an import, the wait for a lock.

Since 3.12 the interpreter tells what is called: see `native_calls`. For CPython 3.11 it is read from the bytecode. Where the
callee is a name of the module, or a name in what such a name stands for (``time.sleep``, ``sorted``, ``datetime.now``,
``PATTERN.search``), it is looked up, without running anything; so are methods of what a class has just made. What a local
variable holds is not known.
"""

from __future__ import annotations

import builtins
import opcode
import sys
from bisect import bisect_right
from collections.abc import Mapping
from types import CodeType, ModuleType

from kibitz_agent.native_calls import is_of_c, name_of

IMPORT = "<import>"
"""What an import statement does whose module is there already."""

LOCK = "_thread:lock.__enter__"
"""What a thread waits for at the head of a ``with`` block: nothing else of C's does so."""

_MOST_STEPS = 200
_UNIT = 2
_INSTANCE = "()"
"""In a path: what the class before it makes when it is called."""

_EXTENDED, _CACHE = opcode.EXTENDED_ARG, 0
_CALL, _PRECALL = opcode.opmap["CALL"], opcode.opmap.get("PRECALL", -1)
_IMPORT, _WITH = opcode.opmap["IMPORT_NAME"], opcode.opmap.get("BEFORE_WITH", -1)
_GLOBAL, _NAME = opcode.opmap["LOAD_GLOBAL"], opcode.opmap["LOAD_NAME"]
_ATTRIBUTES = frozenset({opcode.opmap["LOAD_ATTR"], opcode.opmap.get("LOAD_METHOD", -1)})
_JUMPS = frozenset(opcode.hasjrel) | frozenset(opcode.hasjabs)

_dict_of_module = ModuleType.__dict__["__dict__"].__get__  # type: ignore[index]
_dict_of_class = type.__dict__["__dict__"].__get__
_mro_of = type.__dict__["__mro__"].__get__


class CallSites:
    """What is done in C at a call tree's places, by address; each is read once.

    ``codes``: the tree's functions and their modules by id. ``told``: what the interpreter told of calls, None if it tells nothing.
    """

    def __init__(
        self, codes: Mapping[int, tuple[CodeType, str]], told: Mapping[int, str] | None = None
    ) -> None:
        self._codes, self._starts, self._told = codes, sorted(codes), told
        self._names: dict[tuple[int, bool], str] = {}

    def name(self, address: int, running: bool) -> str:
        """The name of what a thread does there, running or waiting; "" where it runs Python, or nothing is known."""
        name = self._names.get((address, running))
        if name is None:
            name = self._names[address, running] = self._name(address, running)
        return name

    def _name(self, address: int, running: bool) -> str:
        start = self._starts[bisect_right(self._starts, address) - 1]
        code, module = self._codes[start]
        told = called_at(code, address - start, module) if self._told is None else self._told.get(address, "")
        return told or done_at(code, address - start, running)


def done_at(code: CodeType, offset: int, running: bool) -> str:
    """What an instruction that calls nothing does in C: `IMPORT`, `LOCK` or ""."""
    instructions = code.co_code
    if not 0 <= offset < len(instructions):
        return ""
    if instructions[offset] == _IMPORT:
        return IMPORT
    return LOCK if instructions[offset] == _WITH and not running else ""


def called_at(code: CodeType, offset: int, module: str) -> str:
    """``module:name`` of what the instruction at ``offset`` bytes calls, if that is written in C and can be told; else "".

    ``module``: the name of the module whose globals the function has.
    """
    path = callee_at(code, offset)
    found = sys.modules.get(module)
    if not path or path[-1] == _INSTANCE or type(found) is not ModuleType:
        return ""
    names = _dict_of_module(found)
    value = names[path[0]] if path[0] in names else _dict_of_module(builtins).get(path[0])
    for name in path[1:]:
        value = _attribute(value, name)
    return name_of(value)


def callee_at(code: CodeType, offset: int) -> list[str]:
    """The dotted path of global names that the call at ``offset`` calls, ``["time", "sleep"]``; empty if it is no such.

    An instance of a class just made is ``"()"``: ``["Unpickler", "()", "load"]``.
    """
    instructions = code.co_code
    if not 0 <= offset < len(instructions) or instructions[offset] not in (_CALL, _PRECALL):
        return []
    position, (operation, argument) = offset, _instruction(instructions, offset)
    wanted = argument  # so many values lie above the callee
    if operation == _CALL and _PRECALL >= 0:
        position = _before(instructions, position)
    position = _before(instructions, position)
    steps = 0
    while wanted and position >= 0 and steps < _MOST_STEPS:
        operation, argument = _instruction(instructions, position)
        if operation in _JUMPS:  # a value made on one of two ways
            return []
        has_argument = operation >= opcode.HAVE_ARGUMENT
        wanted -= opcode.stack_effect(operation, argument if has_argument else None, jump=False)
        if wanted < 0:
            return []
        position, steps = _before(instructions, position), steps + 1
    return [] if wanted else _path(code, instructions, position, offset)


def _path(code: CodeType, instructions: bytes, position: int, end: int) -> list[str]:
    """The names that lead to the value which the instruction at ``position`` makes, if the first is a global one.

    ``end``: where the call is.
    """
    path: list[str] = []
    while position >= 0:
        operation, argument = _instruction(instructions, position)
        if operation in (_GLOBAL, _NAME):
            if _is_jumped_over(instructions, position, end):
                return []
            return [code.co_names[argument >> 1 if operation == _GLOBAL else argument], *path[::-1]]
        if operation == _CALL:
            made_by = callee_at(code, position)
            return [*made_by, _INSTANCE, *path[::-1]] if made_by else []
        if operation not in _ATTRIBUTES:
            return []
        path.append(code.co_names[argument])
        position = _before(instructions, position)
    return []


def _is_jumped_over(instructions: bytes, position: int, end: int) -> bool:
    """Whether another value may stand in for the one made at ``position``: ``(found or time).sleep``."""
    before = _before(instructions, position)
    if before < 0:
        return False
    operation, argument = _instruction(instructions, before)
    return operation in _JUMPS and position < before + _UNIT + _UNIT * argument <= end


def _before(instructions: bytes, position: int) -> int:
    """Where the instruction before this one is; -1 before the first."""
    position -= _UNIT
    while position >= 0 and instructions[position] in (_CACHE, _EXTENDED):
        position -= _UNIT
    return position


def _instruction(instructions: bytes, position: int) -> tuple[int, int]:
    operation, argument = instructions[position], instructions[position + 1]
    shift = 8
    while position >= _UNIT and instructions[position - _UNIT] == _EXTENDED and shift <= 24:
        position -= _UNIT
        argument |= instructions[position + 1] << shift
        shift += 8
    return operation, argument


def _attribute(value: object, name: str) -> object:
    """A module's or a class's attribute, or a method of what C made, found without running any code of theirs; else None."""
    if name == _INSTANCE:
        return value if type(value) is type else None
    if type(value) is ModuleType:
        return _dict_of_module(value).get(name)
    kind = value if type(value) is type else type(value)
    if type(value) is type or is_of_c(kind):
        for one in _mro_of(kind):
            names: Mapping[str, object] = _dict_of_class(one)
            if name in names:
                return names[name]
    return None
