"""The machine's memory: frames, globals, heap, budget, and the reports it makes on the way."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any

from kibitz_reviewer.dataflow.models import Models, SinkModel, SourceModel
from kibitz_reviewer.dataflow.program import ClassInfo, FunctionInfo, ModuleInfo, Workspace
from kibitz_reviewer.dataflow.state import Key, Object, State
from kibitz_reviewer.dataflow.values import (
    UNKNOWN,
    ClassRef,
    External,
    FunctionRef,
    ImportRef,
    ModuleRef,
    ObjectRef,
    Taint,
    Value,
    external,
    join,
    of_constant,
)
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.names import FUNCTIONS, Binding
from kibitz_reviewer.finding import Step

MAX_DEPTH = 8
MAX_STEPS = 6_000
MAX_STEPS_OF_FILE = 150_000


class BudgetError(Exception):
    """The analysis of one entry point took more than it may: nothing is said about it."""


@dataclass(frozen=True, slots=True)
class Flow:
    """A value of ``taint`` reaches ``node`` of ``module`` and does harm of ``kind`` there."""

    kind: str
    module: Module = field(repr=False)
    node: ast.AST
    taint: Taint
    what: str


@dataclass(slots=True)
class Activation:
    """One function being run: its frame, its file, and the values it has returned or yielded so far."""

    frame: int
    home: ModuleInfo
    function: FunctionInfo | None = None
    outer: int = 0
    handler: str = ""
    site: tuple[object, ...] = ()
    returned: list[tuple[Value, State]] = field(default_factory=list)
    yielded: list[Value] = field(default_factory=list)
    globals: set[str] = field(default_factory=set)
    nonlocals: set[str] = field(default_factory=set)


class Machine:
    """What all parts of the interpreter share."""

    def __init__(self, workspace: Workspace, models: Models) -> None:
        self.workspace = workspace
        self.models = models
        self.flows: dict[tuple[str, int, str, Taint], Flow] = {}
        #: For each call of a sink seen: whether the harmful argument is known to be harmless.
        self.verdicts: dict[tuple[str, ast.AST], bool] = {}
        self.modules: dict[str, ModuleInfo] = {}
        self.globals: dict[int, dict[str, Value]] = {}
        self.shared: dict[Key, Object] = {}
        self.class_fields: dict[ClassInfo, dict[str, Value]] = {}
        #: What the bases of a class are, where its statement was run.
        self.base_values: dict[ClassInfo, list[Value]] = {}
        self.memo: dict[tuple[object, ...], Value] = {}
        self.stack: list[Activation] = []
        self.frames = 0
        self.steps = 0
        self.dirty = False
        self.loading: set[str] = set()
        #: Frames that functions made at module level close over.
        self.closures: dict[int, dict[str, Value]] = {}
        self.spent = 0
        self.known_globals: dict[tuple[str, str], Value | None] = {}

    # Memory

    @property
    def here(self) -> Activation:
        """The function that is running."""
        return self.stack[-1]

    def spend(self) -> None:
        """Count a step; raises ``BudgetError`` past the limit."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise BudgetError

    def new_frame(self) -> int:
        """The number of a new frame."""
        self.frames += 1
        return self.frames

    def info(self, module: Module) -> ModuleInfo:
        """The record of a file."""
        found = self.modules.get(module.path)
        if found is None:
            found = self.modules[module.path] = ModuleInfo(module, self.new_frame())
        return found

    def heap_object(self, state: State, key: Key) -> Object | None:
        """The object under ``key``, this way's own or the shared one."""
        found = state.heap.get(key)
        return self.shared.get(key) if found is None else found

    def objects(self, state: State, value: Value) -> list[tuple[Key, Object]]:
        """The objects ``value`` may be."""
        found = []
        for ref in value.refs:
            if type(ref) is ObjectRef:
                obj = self.heap_object(state, ref.key)
                if obj is not None:
                    found.append((ref.key, obj))
        return found

    def allocate(self, state: State, node: ast.AST, obj: Object) -> Value:
        """A new object, made at ``node``."""
        key: Key = (*self.here.site, node)
        state.heap[key] = obj
        return Value(refs=frozenset((ObjectRef(key),)))

    # Names

    def lookup(self, state: State, name: str, node: ast.AST) -> Value | None:
        """The value of a name as the running function sees it; None if it is bound nowhere."""
        activation = self.here
        frame = activation.frame
        if name in activation.globals:
            frame = 0
        while frame:
            names = state.frames.get(frame)
            if names is None:
                names = self.closures.get(frame)
            if names is not None and name in names:
                return self.settled(names, name)
            frame = self.outer_of(frame)
        return self.global_value(state, activation.home, name)

    def outer_of(self, frame: int) -> int:
        """The frame around a closure's frame; 0 at the end."""
        for activation in reversed(self.stack):
            if activation.frame == frame:
                return activation.outer
        return self.parents.get(frame, 0)

    @property
    def parents(self) -> dict[int, int]:
        """The frame around each frame that closures refer to."""
        if not hasattr(self, "_parents"):
            self._parents: dict[int, int] = {}
        return self._parents

    def global_value(self, state: State, home: ModuleInfo, name: str) -> Value | None:
        """A global of ``home``, running the file's own code first if that was not done."""
        names = state.frames.get(home.frame)
        if names is not None and name in names:
            return self.settled(names, name)
        known = self.globals.get(home.frame)
        if known is None:
            found = self.defined(home, name)
            if found is not None:
                return found
            self.load(home)
            known = self.globals.get(home.frame, {})
        return self.settled(known, name) if name in known else None

    def settled(self, names: dict[str, Value], name: str) -> Value:
        """The value of a name, an import looked up now if it was put off."""
        value = names[name]
        if len(value.refs) == 1:
            (ref,) = value.refs
            if type(ref) is ImportRef:
                names[name] = UNKNOWN  # an import that comes back to itself
                found = self.member(ref.path, ref.name)
                value = names[name] = UNKNOWN if found is None else found
        return value

    def defined(self, home: ModuleInfo, name: str) -> Value | None:
        """A function, class, constant or import of a file that need not be run to be known; None if it must be."""
        key = (home.path, name)
        if key in self.known_globals:
            return self.known_globals[key]
        self.known_globals[key] = None  # while it is looked up, and for what must be run
        found = home.module.names.bindings(name, home.module.tree) or []
        if len(found) == 1:
            self.known_globals[key] = self._of_binding(home, found[0])
        return self.known_globals[key]

    def _of_binding(self, home: ModuleInfo, binding: Binding) -> Value | None:
        node = binding.node
        if isinstance(node, FUNCTIONS) and not node.decorator_list:
            return Value(refs=frozenset((FunctionRef(home.function(node)),)))
        if isinstance(node, ast.ClassDef):
            return Value(refs=frozenset((ClassRef(home.cls(node)),)))
        if binding.qualified is not None and isinstance(node, ast.ImportFrom):
            return self.imported(binding.qualified, home.path)
        if isinstance(binding.value, ast.Constant) and isinstance(home.module.parent(node), ast.Assign):
            return of_constant(binding.value.value)
        return None

    def load(self, home: ModuleInfo) -> None:
        """Run a file's module-level code, once."""
        raise NotImplementedError

    def store_global(self, home: ModuleInfo, name: str, value: Value) -> None:
        """Write a global from a function: it may be read any time, so it joins what was there."""
        names = self.globals.setdefault(home.frame, {})
        old = names.get(name)
        new = value if old is None else join(old, value)
        if old is None or new != old:
            names[name] = new
            if new.taints:
                self.dirty = True

    def imported(self, dotted: str, importer: str) -> Value:
        """What an import of ``dotted`` (``package.module.name``) gives in the file ``importer``."""
        path = self.workspace.resolve(dotted, importer)
        if path is not None:
            return Value(refs=frozenset((ModuleRef(path),)))
        head, _, name = dotted.rpartition(".")
        if head or dotted.startswith("."):
            if dotted.startswith(".") and not head.strip("."):
                head = dotted[: len(dotted) - len(name)]
            owner = self.workspace.resolve(head, importer)
            if owner is not None:
                found = self.member(owner, name)
                return UNKNOWN if found is None else found
        return external(dotted)

    def deferred(self, dotted: str, importer: str) -> Value:
        """What an import gives, without looking into the other file yet."""
        if self.workspace.resolve(dotted, importer) is None:
            head, _, name = dotted.rpartition(".")
            if dotted.startswith(".") and not head.strip("."):
                head = dotted[: len(dotted) - len(name)]
            owner = self.workspace.resolve(head, importer) if head else None
            if owner is not None:
                return Value(refs=frozenset((ImportRef(owner, name),)))
        return self.imported(dotted, importer)

    def member(self, path: str, name: str) -> Value | None:
        """A global of another file; None if it has none of that name."""
        module = self.workspace.module(path)
        if module is None:
            return None
        home = self.info(module)
        if home.path not in self.loading:
            found = self.global_value(State({}, {}), home, name)
            if found is not None:
                return found
        inner = self.workspace.resolve("." + name, path)
        return None if inner is None else Value(refs=frozenset((ModuleRef(inner),)))

    # Places and reports

    def step(self, node: ast.AST, note: str) -> Step:
        """The place of ``node`` in the running file."""
        module = self.here.home.module
        line = getattr(node, "lineno", 1)
        column = getattr(node, "col_offset", 0) + 1
        end_line = getattr(node, "end_lineno", None) or line
        end = (getattr(node, "end_col_offset", None) or 0) + 1
        if end_line != line:
            end_line, end = line, len(module.line(line).rstrip()) + 1
        return Step(module.path, line, column, end_line, max(end, column + 1), note)

    def source(self, node: ast.AST, model: SourceModel, text: str) -> Taint:
        """The taint of what comes in at ``node``."""
        return Taint(model.label, self.step(node, f"{text} is {model.what}"), model.clean)

    def report(self, model: SinkModel, node: ast.AST, value: Value, what: str) -> None:
        """Note that ``value`` reached a sink at ``node``, and whether that does harm."""
        module = self.here.home.module
        harmful = [t for t in value.taints if t.label in model.labels and t.harms(model.kind)]
        key = (model.kind, node)
        # What was controlled and has been made harmless is known well enough.
        is_cleaned = bool(value.taints) and not any(t.harms(model.kind) for t in value.taints)
        is_harmless = not harmful and (is_cleaned or not value.unknown)
        self.verdicts[key] = self.verdicts.get(key, True) and is_harmless
        for taint in harmful:
            steps = (*taint.steps, self.step(node, f"used here by {what}"))
            reached = Taint(taint.label, taint.source, taint.clean, steps)
            self.flows.setdefault(
                (model.kind, id(node), what, taint), Flow(model.kind, module, node, reached, what)
            )


def externals(value: Value) -> list[str]:
    """The outside names a value may stand for."""
    return [ref.name for ref in value.refs if type(ref) is External]


def functions(value: Value) -> list[FunctionRef]:
    """The functions of the program a value may be."""
    return [ref for ref in value.refs if type(ref) is FunctionRef]


def classes(value: Value) -> list[ClassInfo]:
    """The classes of the program a value may be."""
    return [ref.info for ref in value.refs if type(ref) is ClassRef]


def constant_key(value: Value) -> tuple[bool, Any]:
    """(whether it is one hashable constant, that constant)."""
    constants = value.constants
    if constants is None or len(constants) != 1:
        return False, None
    key = constants[0]
    try:
        hash(key)
    except TypeError:
        return False, None
    return True, key
