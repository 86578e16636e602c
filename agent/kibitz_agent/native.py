"""The native sampler's Python side: opens it, names what it saw, and hands it over in the Python sampler's terms.

The C extension looks at the threads on a thread of its own and never takes the GIL. Here, about once a second, the
functions it met are kept alive and its threads are named; at a period's end its integers become a call tree.
"""

from __future__ import annotations

import os
import struct
import sys
from array import array
from contextlib import suppress
from types import CodeType, FrameType, ModuleType
from typing import TYPE_CHECKING, Any

from kibitz_agent.calltree import ROOT, CallTree
from kibitz_agent.config import log
from kibitz_agent.native_calls import CALLS
from kibitz_agent.own_threads import OWN
from kibitz_agent.sampler import PythonSampler, Run, Sampler, Tally
from kibitz_agent.tags import REGISTRY
from kibitz_agent.threads import thread_name
from kibitz_agent.unpatched import get_ident, get_native_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SAMPLER_VARIABLE = "KIBITZ_SAMPLER"
FAIR_VARIABLE = "KIBITZ_FAIR_SAMPLING"
"""Environment variable: ``python`` or ``native`` for that one only, otherwise the native one where it works."""

# What this module understands of the extension: see KB_LAYOUT in module.c.
_LAYOUT = 4
_NO_PARENT = 0xFFFFFFFF
_RUNNING, _HOLDER, _COLLECTING, _DEPTH_SHIFT = 1, 2, 4, 3
_SAMPLE = struct.Struct("=IIIIQQII")
_NODE = struct.Struct("=IIi")
_CROWDED_ROOM = 0.3
# A short program's functions must be met before it ends: often at first, then ever more rarely.
_FIRST_SAMPLE_NS, _SAMPLE_EVERY_NS = 20_000_000, 1_000_000_000
# What the extension accepts.
_SHORTEST_NS, _DEEPEST = 100_000, 65_536
_dictionary_of: Callable[[ModuleType], dict[str, object]] = ModuleType.__dict__["__dict__"].__get__  # type: ignore[index]

_Gone = tuple[str, str, int, bytes, int]


class NativeUnavailableError(Exception):
    """The native sampler cannot serve here; the message says why."""


class NativeSampler:
    """A `sampler.Sampler` that looks by itself, between `pace` and `rest`. One a process."""

    name = "native"
    estimates_cpu = False

    def __init__(self) -> None:
        """Open the extension and see that it reads this very stack; `NativeUnavailableError` if it does not."""
        try:
            from kibitz_agent._native import _sampler
        except ImportError as error:
            raise NativeUnavailableError(f"the extension is not there: {error}") from error
        if getattr(_sampler, "LAYOUT", 0) != _LAYOUT:
            raise NativeUnavailableError("the extension was built from another version: install again")
        self._native = _sampler
        self._pace: tuple[int, int] | None = None
        self._sample_every_ns = _FIRST_SAMPLE_NS
        self._names: dict[tuple[int, int], str] = {}
        self._own: set[int] = set()
        self._modules: dict[int, str] = {}
        self._known_modules = 0
        try:
            _sampler.open()
        except (OSError, RuntimeError, MemoryError) as error:
            raise NativeUnavailableError(str(error)) from error
        try:
            self._test()
        except BaseException:
            _sampler.close()
            raise
        self._is_open = True
        REGISTRY.listen(_Marks(_sampler))

    @property
    def memory_bytes(self) -> int:
        """What its tree and its memory of threads occupy."""
        return int(self._native.stats()["memory_bytes"])

    @property
    def is_crowded(self) -> bool:
        """Whether its bounded memory is nearly full: it should be drained."""
        return self._native.stats()["room"] < _CROWDED_ROOM

    def tally(self) -> Tally:
        """What was counted so far; looks are missed when the thread gets no processor in time."""
        stats = self._native.stats()
        looks, missed, torn, full, retries, cpu_ns = (
            int(stats[name]) for name in ("ticks", "missed_ticks", "torn", "dropped", "retries", "cpu_ns")
        )
        return Tally(looks, missed, torn + full, retries, cpu_ns)

    def pace(self, interval_ns: int, max_depth: int) -> int:
        """Look every ``interval_ns`` from now on; `sample` is soon wanted about once a second."""
        if self._pace != (interval_ns, max_depth) or not self._native.running():
            self._native.begin(max(interval_ns, _SHORTEST_NS), min(max_depth, _DEEPEST))
            self._pace = (interval_ns, max_depth)
        return self._sample_every_ns

    def rest(self) -> None:
        """Look no more until `pace` is called."""
        self._native.rest()
        self._pace = None

    def close(self) -> None:
        """End for good; another one may be opened. Again, it does nothing: by then the extension may be another's."""
        if self._is_open:
            self._is_open = False
            REGISTRY.listen(None)
            CALLS.close()
            self._native.close()

    def sample(self, elapsed_ns: int, max_depth: int) -> list[Run]:
        """Keep alive and name what was met lately; at rest, look once from here."""
        del elapsed_ns, max_depth
        if not self._native.running():
            self._native.look()
        self._native.adopt()
        self._meet(self._native.threads())
        CALLS.watch(self._native.leaves())
        self._sample_every_ns = min(2 * self._sample_every_ns, _SAMPLE_EVERY_NS)
        return []

    def drain(self) -> tuple[CallTree, list[Run]]:
        """All runs since the last drain, with the tree they refer to."""
        nodes, samples, codes, threads = self._native.drain()
        self._meet(threads)
        names = [self._names.get(thread, "") for thread in threads]
        own = {index for index, thread in enumerate(threads) if thread[1] in self._own}
        rows = [row for row in _SAMPLE.iter_unpack(samples) if row[1] not in own]
        sampled = {row[0] for row in rows}
        tree, node_of = self._tree(nodes, sampled, codes)
        asking = _asking_for_gil(nodes, sampled, codes)
        self._names = {thread: self._names[thread] for thread in threads if thread in self._names}
        runs = []
        for node, thread, state, count, wall_ns, cpu_ns, tags, _ in rows:
            running, holder, cut = bool(state & _RUNNING), bool(state & _HOLDER), state >> _DEPTH_SHIFT
            waits = not running and not holder and node in asking
            collects = bool(state & _COLLECTING)
            runs.append(
                Run(names[thread], node_of[node], cut, running, count, wall_ns, cpu_ns, tags, waits, collects)
            )
        return tree, runs

    def _meet(self, threads: list[tuple[int, int]]) -> None:
        for native_id in set(OWN.native_ids.values()) - self._own:
            self._own.add(native_id)
            self._native.skip(native_id)
        for thread in threads:
            if thread not in self._names and (name := thread_name(thread[0])):
                self._names[thread] = name

    def _tree(
        self, nodes: bytes, sampled: set[int], codes: list[tuple[CodeType | _Gone, int]]
    ) -> tuple[CallTree, dict[int, int]]:
        """The tree of the sampled nodes and those above them, and its node by the extension's."""
        rows = list(_NODE.iter_unpack(nodes))
        used: set[int] = set()
        for node in sampled:
            while node != _NO_PARENT and node not in used:
                used.add(node)
                node = rows[node][0]
        functions = [_standing_for(code) for code, _ in codes]
        modules = self._module_names()
        known = {
            id(function): (function, modules.get(module_globals, ""))
            for function, (_, module_globals) in zip(functions, codes, strict=True)
        }
        parents, addresses, node_of = array("I", [ROOT]), array("Q", [0]), {_NO_PARENT: ROOT}
        # A parent is always older than its children.
        for node in sorted(used):
            parent, code, offset = rows[node]
            node_of[node] = len(parents)
            parents.append(node_of[parent])
            addresses.append(id(functions[code]) + max(0, offset))
        return CallTree.made_of(parents, addresses, known), node_of

    def _module_names(self) -> Mapping[int, str]:
        """Module names by the identity of their globals; what is imported is only read when something was."""
        if len(sys.modules) != self._known_modules:
            modules = dict(sys.modules)
            self._known_modules = len(modules)
            for name, module in modules.items():
                if isinstance(module, ModuleType):
                    known_as = dict.get(_dictionary_of(module), "__name__")
                    self._modules[id(_dictionary_of(module))] = known_as if type(known_as) is str else name
        return self._modules

    def _test(self) -> None:
        """Look at this thread's own stack: the extension must see what is there."""
        _stack_for_test(_TEST_DEPTH, self._native.look)
        nodes, samples, codes, threads = self._native.drain()
        own = (get_ident(), get_native_id())
        rows = list(_NODE.iter_unpack(nodes))
        for node, thread, *_ in _SAMPLE.iter_unpack(samples):
            depth = 0
            while node != _NO_PARENT:
                parent, code, _ = rows[node]
                depth += _standing_for(codes[code][0]).co_qualname == _stack_for_test.__qualname__
                node = parent
            if threads[thread] == own and depth == _TEST_DEPTH:
                return
        raise NativeUnavailableError("its self-test failed: it does not see this thread's own stack")


def _asking_for_gil(nodes: bytes, sampled: set[int], codes: list[tuple[CodeType | _Gone, int]]) -> set[int]:
    """The nodes at whose instruction the interpreter lets go of its lock when it is asked to, and takes it again.

    A thread that stands there and does not run waits for the lock and for nothing else: blocking calls stand at a call.
    """
    found = set()
    for node in sampled:
        _, code, offset = _NODE.unpack_from(nodes, node * _NODE.size)
        function = codes[code][0]
        if isinstance(function, CodeType):
            instructions = function.co_code
            if 0 <= offset < len(instructions) and instructions[offset] in _SAFE_POINTS:
                found.add(node)
    return found


def _safe_points() -> frozenset[int]:
    from opcode import opmap

    return frozenset(
        number
        for name, number in opmap.items()
        if name == "RESUME" or ("JUMP_BACKWARD" in name and "NO_INTERRUPT" not in name)
    )


_SAFE_POINTS = _safe_points()


class _Marks:
    """Tells the extension which frames carry tags; nobody is told when it is closed."""

    def __init__(self, native: Any) -> None:
        self._native = native

    def mark(self, frame: FrameType, tags: int) -> None:
        with suppress(RuntimeError):
            self._native.mark(frame, tags)

    def unmark(self, frame: FrameType) -> None:
        with suppress(RuntimeError):
            self._native.mark(frame, 0)


_TEST_DEPTH = 5


def _stack_for_test(depth: int, look: Any) -> None:
    if depth > 1:
        _stack_for_test(depth - 1, look)
    else:
        look()


# What a function that may be gone is replaced by: a code object with its names and lines, which is never run.
_BLANK = compile("", "", "exec")
_NO_OPERATION = bytes([9, 0])


def _standing_for(code: CodeType | _Gone) -> CodeType:
    if isinstance(code, CodeType):
        return code
    qualname, file, first_line, lines, size = code
    return _BLANK.replace(
        co_name=qualname.rpartition(".")[2],
        co_qualname=qualname,
        co_filename=file,
        co_firstlineno=first_line,
        co_linetable=lines,
        co_code=_NO_OPERATION * (size // 2),
    )


def best_sampler() -> Sampler:
    """The native sampler, or the Python one; the log says why. `NativeUnavailableError` where the variable insists.

    `FAIR_VARIABLE` is for the Python one alone: the native sampler waits for no GIL.
    """
    wanted = os.environ.get(SAMPLER_VARIABLE, "").lower()
    fair = os.environ.get(FAIR_VARIABLE, "").strip().lower() in {"1", "true", "yes", "on"}
    if wanted == "python":
        return PythonSampler(fair=fair)
    try:
        return NativeSampler()
    except NativeUnavailableError as error:
        if wanted == "native":
            raise
        log.info("kibitz samples with its Python sampler: %s", error)
        return PythonSampler(fair=fair)
