"""The call tree while samples are being taken: integers only, names come later.

A place in a function is one integer, the *address* of its instruction: ``id(code) + f_lasti``. CPython keeps a code
object's instructions inside the object, so no two places share an address as long as the code objects live, and the
tree holds a reference to each one it has seen. Code objects themselves are never used as keys: they hash slowly.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from types import CodeType, FrameType

from kibitz_agent.profile import NO_PARENT, TASK, ProfileBuilder

ROOT = 0
"""Index of the node above all roots; it stands for no frame."""

# What starts a program under the agent is none of the program's business.
_LAUNCHERS = ("kibitz_agent.cli", "kibitz_agent.launcher", "kibitz_agent.commands")

# What the host's thread does while it starts, stops or forks under the agent, and all below.
_OWN = (
    "kibitz_agent.profiler",
    "kibitz_agent.starting",
    "kibitz_agent.autostart",
    "kibitz_agent.worker",
    # Called back on the host's threads, by gevent and by the interpreter.
    "kibitz_agent.greenlets",
    "kibitz_agent.native_calls",
)

# Measured with sys.getsizeof on 64-bit CPython: a (parent, address) tuple and the integers in it that no one shares.
_NODE_OBJECT_BYTES = sys.getsizeof((0, 0)) + 16 + 2 * sys.getsizeof(1 << 40)
_CODE_OBJECT_BYTES = sys.getsizeof((0, 0)) + 16 + 2 * sys.getsizeof(1 << 40)


class CallTree:
    """A trie of instruction addresses, root first. Grown by one thread; read by another after it is handed over."""

    def __init__(self) -> None:
        self._nodes: dict[tuple[int, int], int] = {}
        # One entry per node, `ROOT` included: where it hangs, where it points.
        self._parents = array("I", [ROOT])
        self._addresses = array("Q", [0])
        self._codes: dict[int, tuple[CodeType, str]] = {}

    @classmethod
    def made_of(
        cls, parents: array[int], addresses: array[int], codes: Mapping[int, tuple[CodeType, str]]
    ) -> CallTree:
        """A finished tree, not to be grown: the columns by node, `ROOT` first, and code objects with their modules by id."""
        tree = cls()
        tree._parents, tree._addresses, tree._codes = parents, addresses, dict(codes)
        return tree

    def __len__(self) -> int:
        """How many nodes there are, `ROOT` not counted."""
        return len(self._parents) - 1

    def walk(self, frame: FrameType, max_depth: int) -> tuple[int, int]:
        """Find or add the stack that ends in ``frame``: its node, and its whole depth if it was cut, else 0.

        The outermost ``max_depth`` frames are kept.
        """
        codes = self._codes
        addresses: list[int] = []
        above: FrameType | None = frame
        while above is not None:
            code, offset = above.f_code, above.f_lasti
            key = id(code)
            if key not in codes:
                codes[key] = (code, _module_of(above))
            # A frame that has not begun says -1.
            addresses.append(key + offset if offset > 0 else key)
            above = above.f_back
        depth = len(addresses)
        if depth > max_depth:
            del addresses[: depth - max_depth]
        return self._place(reversed(addresses)), depth if depth > max_depth else 0

    def add_frames(self, frames: Sequence[FrameType], max_depth: int) -> tuple[int, int]:
        """The same for frames that are listed, from the outermost in."""
        addresses: list[int] = []
        for frame in frames[:max_depth]:
            key = id(frame.f_code)
            if key not in self._codes:
                self._codes[key] = (frame.f_code, _module_of(frame))
            addresses.append(key + max(0, frame.f_lasti))
        return self._place(addresses), len(frames) if len(frames) > max_depth else 0

    def _place(self, addresses: Iterable[int]) -> int:
        nodes, node = self._nodes, ROOT
        for address in addresses:
            below = nodes.get((node, address))
            node = self._add(node, address) if below is None else below
        return node

    def _add(self, parent: int, address: int) -> int:
        node = len(self._parents)
        self._nodes[parent, address] = node
        self._parents.append(parent)
        self._addresses.append(address)
        return node

    @property
    def memory_bytes(self) -> int:
        """What the tree occupies, the code objects it keeps from dying not included."""
        tables = (self._nodes, self._parents, self._addresses, self._codes)
        objects = len(self._nodes) * _NODE_OBJECT_BYTES + len(self._codes) * _CODE_OBJECT_BYTES
        return sum(map(sys.getsizeof, tables)) + objects

    def pour(self, builder: ProfileBuilder) -> list[int]:
        """Add every node to ``builder``, by name and line; return the builder's node by this tree's node.

        Nodes of what launched the program, at the root end of a stack, become `profile.NO_PARENT`.
        """
        codes = sorted(self._codes)
        functions = [_Function(*self._codes[key], builder) for key in codes]
        of_node = [0, *(bisect_right(codes, address) - 1 for address in self._addresses[1:])]
        launched = self._launcher_nodes([functions[index] for index in of_node] if functions else [])
        poured = [NO_PARENT]
        for node in range(1, len(self._parents)):
            if node in launched:
                poured.append(NO_PARENT)
                continue
            function = functions[of_node[node]]
            line = function.line(self._addresses[node] - codes[of_node[node]])
            poured.append(builder.node(poured[self._parents[node]], function.frame, line))
        return poured

    @property
    def codes(self) -> Mapping[int, tuple[CodeType, str]]:
        """The functions it has seen, with their modules' names, by id."""
        return self._codes

    def address(self, node: int) -> int:
        """The address of a node's instruction."""
        return self._addresses[node]

    def outermost(self, names: Mapping[int, tuple[CodeType, str, str]]) -> list[tuple[str, str]]:
        """By node: the label and name of the task or greenlet that its stack belongs to, or a pair of nothing.

        ``names`` knows some by the id of the outermost function's code. Others are known by it being a coroutine's.
        """
        codes = sorted(self._codes)
        marks = [_mark(self._codes[key][0], names) for key in codes]
        found = [("", "")]
        for node in range(1, len(self._parents)):
            label, name, only_root = marks[bisect_right(codes, self._addresses[node]) - 1]
            above = found[self._parents[node]]
            if above[0] or (only_root and self._parents[node] != ROOT):
                found.append(above)
            else:
                found.append((label, name))
        return found

    def _launcher_nodes(self, function_of: list[_Function]) -> set[int]:
        """The nodes from the root down to the last launcher frame of each stack, and the `runpy` right below it.

        Those of the agent's own calls, with all below them, too.
        """
        found: set[int] = set()
        hidden: set[int] = set()
        for node in range(1, len(self._parents)):
            function, parent = function_of[node], self._parents[node]
            if function.hides or parent in hidden:
                found.add(node)
                hidden.add(node)
            elif function.launches:
                above = node
                while above != ROOT and above not in found:
                    found.add(above)
                    above = self._parents[above]
            elif function.is_runpy and parent in found:
                found.add(node)
        return found


# A coroutine function, a generator made one, an asynchronous generator.
_IS_COROUTINE = 0x80 | 0x100 | 0x200


def _mark(code: CodeType, names: Mapping[int, tuple[CodeType, str, str]]) -> tuple[str, str, bool]:
    """The label and name of whatever this function is the outermost of, and whether only a stack's root counts."""
    if code.co_flags & _IS_COROUTINE:
        known = names.get(id(code))
        return TASK, known[2] if known else _plain(code.co_qualname), False
    known = names.get(id(code))
    return (known[1], known[2], True) if known else ("", "", False)


class _Function:
    """A code object's names, in the builder's terms, and its line table."""

    def __init__(self, code: CodeType, module: str, builder: ProfileBuilder) -> None:
        module = module or _stem(code.co_filename)
        self.launches = module.startswith(_LAUNCHERS)
        self.hides = module.startswith(_OWN)
        self.is_runpy = module in ("runpy", "_frozen_runpy")
        self.frame = builder.frame(
            f"{module}:{_plain(code.co_qualname)}", _plain(code.co_filename), max(0, code.co_firstlineno)
        )
        self._first = max(0, code.co_firstlineno)
        self._table: Iterable[tuple[int, int, int | None]] | None = code.co_lines()
        self._starts: list[int] = []
        self._lines: list[int] = []

    def line(self, offset: int) -> int:
        """The source line of the instruction at ``offset``; the first line where the table knows none."""
        if self._table is not None:
            for start, _, line in self._table:
                self._starts.append(start)
                self._lines.append(line or self._first)
            self._table = None
        at = bisect_right(self._starts, offset) - 1
        return self._lines[at] if at >= 0 else self._first


def _module_of(frame: FrameType) -> str:
    """The module's name as its globals have it; `dict.get`, because globals may be a subclass with code of its own."""
    name = dict.get(frame.f_globals, "__name__")
    return name if type(name) is str else ""


def _stem(path: str) -> str:
    name = _plain(path).replace("\\", "/").rpartition("/")[2]
    return name.removesuffix(".py") or "<unknown>"


def _plain(text: str) -> str:
    return text if type(text) is str else str.__str__(text)
