"""The analysis of one file: which of its functions are called from outside, with what, and what comes of it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from kibitz_reviewer.dataflow.branches import GoneError
from kibitz_reviewer.dataflow.entries import Entries, Handler
from kibitz_reviewer.dataflow.machine import MAX_STEPS_OF_FILE, Activation, BudgetError, Flow
from kibitz_reviewer.dataflow.models import Models, SinkModel, models_for
from kibitz_reviewer.dataflow.outside import Outside
from kibitz_reviewer.dataflow.program import FunctionInfo, ModuleInfo, Workspace
from kibitz_reviewer.dataflow.state import Object, State
from kibitz_reviewer.dataflow.values import (
    External,
    FunctionRef,
    ObjectRef,
    Taint,
    Value,
    join,
    join_all,
    mixed,
)
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.names import FUNCTIONS
from kibitz_reviewer.finding import Step

PASSES = 5
HTML = SinkModel("xss", (0,), (), frozenset({"remote", "exception"}))
EXPOSED = SinkModel("exposure", (0,), (), frozenset({"exception"}))
HEADER = SinkModel("header", (0,), (), frozenset({"remote"}))


class Analysis(Outside):
    """Runs a file from each of its entries."""

    def __init__(self, workspace: Workspace, models: Models) -> None:
        super().__init__(workspace, models)
        self.state = State({}, {})
        self._entries: dict[ast.AST, Handler] = {}
        self._done: set[ast.AST] = set()
        self._hot: set[str] = set()

    def analyse(self, module: Module) -> None:
        """Look at every entry of ``module``; findings are in ``flows``, what is harmless in ``verdicts``."""
        home = self.info(module)
        entries = Entries(module, self.workspace, self.models)
        self._entries = self.letting_in[home.path] = entries.found
        if not self._entries and not entries.module_level:
            return
        self.load(home)
        waiting = list(entries.outermost(self._entries))
        for _ in range(PASSES):
            self.dirty = False
            self._done = set()
            self._hot = set()
            for node in waiting:
                self._enter(home, node)
            # What an entry returns comes in where it is called; what it leaves in a field, where that is read.
            names = self._hot | (self._carriers(home) if self.dirty else set())
            waiting = list(entries.outermost(entries.add_readers(names))) if names else []
            if not waiting:
                break

    def _carriers(self, home: ModuleInfo) -> set[str]:
        """The names of the fields and globals that hold what comes from outside."""
        fields = {n for cells in self.class_fields.values() for n, value in cells.items() if value.taints}
        return fields | {n for n, value in self.globals.get(home.frame, {}).items() if value.taints}

    def load(self, home: ModuleInfo) -> None:
        """Run a file's module-level code, once."""
        if home.frame in self.globals or home.path in self.loading:
            return
        self.loading.add(home.path)
        saved = self.state, self.alive, self.flowing, self.steps
        self.state, self.alive, self.flowing = State({home.frame: {}}, {}), True, type(self.flowing)()
        self.steps = 0
        flows = dict(self.flows)
        self.stack.append(Activation(home.frame, home, None, 0, "", (home.path,)))
        try:
            self.run(home.module.tree.body)
        except BudgetError:
            self.flows = flows
        finally:
            self.stack.pop()
            self.globals[home.frame] = self.state.frames.pop(home.frame, {})
            self.closures.update(self.state.frames)
            self.spent += self.steps
            self.shared.update(self.state.heap)
            self.state, self.alive, self.flowing, self.steps = saved
            self.loading.discard(home.path)

    def _enter(self, home: ModuleInfo, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Call one function as the outside would."""
        info = home.function(node)
        self.spent += self.steps
        self.steps = 0
        if self.spent > MAX_STEPS_OF_FILE:
            return
        flows, verdicts = dict(self.flows), dict(self.verdicts)
        self.state, self.alive = State({}, {}), True
        self.stack.append(Activation(home.frame, home, None, 0, "", (home.path,)))
        try:
            self._call_entry(FunctionRef(info, 0, self._self_of(info)))
        except (BudgetError, RecursionError):
            self.flows, self.verdicts = flows, verdicts
        except GoneError:
            pass
        finally:
            self.stack.clear()
        self._keep_shared()

    def _call_entry(self, ref: FunctionRef) -> None:
        handler = self._entries.get(ref.info.node, Handler())
        self._done.add(ref.info.node)
        args, keywords = self.outside(ref, handler)
        answers = "page" if handler.html else handler.kind
        result = self.activate(ref, args, keywords, ref.info.node, answers)
        if any(taint.label != "exception" for taint in self.deep(result).taints):
            self._hot.add(ref.info.name)

    def finishing(self, activation: Activation) -> None:
        """Call the handlers that a function defined, while what they close over is there."""
        if activation.function is None:
            return
        alive, state = self.alive, self.state
        for inner in activation.function.inner:
            if isinstance(inner, FUNCTIONS) and inner in self._entries and inner not in self._done:
                info = activation.home.function(inner)
                self.state, self.alive = state.copy(self.here.frame), True
                try:
                    self._call_entry(FunctionRef(info, self.closure()))
                except GoneError:
                    continue
        self.alive, self.state = alive, state

    def _self_of(self, info: FunctionInfo) -> Value | None:
        """The ``self`` of a method that is called from outside: what any method may have made of it."""
        if info.owner is None:
            return None
        names = {self.decorator_name(d) for d in getattr(info.node, "decorator_list", [])}
        if "staticmethod" in names:
            return None
        key = ("self", info.owner)
        self.state.heap[key] = Object("summary", dict(self.class_fields.get(info.owner, {})), cls=info.owner)
        return Value(refs=frozenset((ObjectRef(key),)))

    def _keep_shared(self) -> None:
        """Keep what an entry left in globals and in ``self`` for the others."""
        for key, obj in self.state.heap.items():
            if len(key) == 2 and key[0] == "self" and obj.cls is not None:
                fields = self.class_fields.setdefault(obj.cls, {})
                for name, value in obj.cells.items():
                    old = fields.get(name)
                    new = value if old is None else join(old, value)
                    if old is None or new != old:
                        fields[name] = self._portable(new)
                        self.dirty = self.dirty or bool(new.taints)
            elif key in self.shared and obj is not self.shared[key]:
                if self.deep(obj.everything()).taints and obj != self.shared[key]:
                    self.dirty = True
                self.shared[key] = obj

    def _portable(self, value: Value) -> Value:
        """A value without the objects of a state that is gone, their contents flattened."""
        if not any(type(ref) is ObjectRef for ref in value.refs):
            return value
        for key, obj in self.objects(self.state, value):
            self.shared.setdefault(key, obj)
        return value

    # Where a framework takes what the code hands it

    def returning(self, node: ast.Return, value: Value) -> None:
        """A view's answer is a page."""
        if self.here.handler == "lambda":
            self._answered(node, value)
        if self.here.handler not in ("flask", "fastapi", "page", "django", "aiohttp") or node.value is None:
            return
        items = self.known_items(value)
        answer = items[0] if items and isinstance(node.value, ast.Tuple) else value
        exposed = self.deep(answer)
        if any(taint.label == "exception" for taint in exposed.taints):
            self.report(EXPOSED, node, exposed, "the answer")
        if (
            self.here.handler in ("flask", "page")
            and not self.objects(self.state, answer)
            and not _is_response(answer)
        ):
            self.report(HTML, node, answer, "the page that is returned")

    def _answered(self, node: ast.Return, value: Value) -> None:
        """What a Lambda function returns is a page if its headers say so."""
        for _, answer in self.objects(self.state, value):
            body, headers = answer.cells.get("body"), answer.cells.get("headers")
            if body is None or headers is None:
                continue
            kinds = [
                str(kind.constant).lower()
                for _, each in self.objects(self.state, headers)
                for name, kind in each.cells.items()
                if str(name).lower() == "content-type"
            ]
            if any("html" in kind for kind in kinds):
                self.report(
                    HTML, _entry(node.value, "body") or node, self.deep(body), "the page that is returned"
                )

    def assigned_item(self, target: ast.Subscript, owner: Value, key: Value, value: Value) -> None:
        """Sessions, headers and environments are written item by item."""
        both = mixed((self.deep(key), self.deep(value)))
        what = f"`{ast.unparse(target.value)}`"
        for ref in owner.refs:
            if type(ref) is External:
                for model in self.models.sinks.get(f"{ref.name}[]=", ()):
                    self.report(model, target, both, what)
        if ast.unparse(target.value).endswith((".headers", ".META")) and not owner.taints:
            self.report(HEADER, target, self.deep(value), what)
        elif ast.unparse(target.value).endswith("session") and not any(
            type(r) is External for r in owner.refs
        ):
            for model in self.models.sinks.get("flask.session[]=", ()):
                self.report(model, target, both, what)

    def assigned_attribute(self, target: ast.Attribute, value: Value) -> None:
        """Some attributes of a response are its page."""
        owner = self.eval(target.value)
        for ref in owner.refs:
            if type(ref) is External:
                for model in self.models.sinks.get(f"{ref.name}.{target.attr}=", ()):
                    self.report(model, target, self.deep(value), f"`{ast.unparse(target)}`")

    def caught(self, handler: ast.ExceptHandler) -> Value:
        """What went wrong inside is no business of those outside."""
        place = self.step(handler, f"`{handler.name}` is an exception with details of the inside")
        step = Step(place.path, handler.lineno, place.column, handler.lineno, place.end_column, place.note)
        return Value(
            frozenset((Taint("exception", step),)), refs=frozenset((External("exception"),)), unknown=True
        )


def flows_of(
    module: Module, workspace: Workspace | None = None
) -> tuple[list[Flow], dict[tuple[str, ast.AST], bool]]:
    """The flows that begin in ``module``, and for the sinks seen whether they get nothing harmful."""
    space = workspace if workspace is not None else Workspace()
    space.adopt(module)
    models = models_for(space.root)
    analysis = Analysis(space, models)
    analysis.analyse(module)
    found = list(_shortest(analysis.flows.values())), analysis.verdicts
    # Records refer to each other: taken apart they are freed at once, and the collector has nothing to look for.
    for info in analysis.modules.values():
        info.functions.clear()
        info.classes.clear()
    return found


def _entry(node: ast.expr | None, key: str) -> ast.expr | None:
    """The value under ``key`` of a dictionary display."""
    if not isinstance(node, ast.Dict):
        return None
    pairs = zip(node.keys, node.values, strict=True)
    return next((v for k, v in pairs if isinstance(k, ast.Constant) and k.value == key), None)


def _shortest(flows: Iterable[Flow]) -> list[Flow]:
    """One flow for each kind and place: the one with the shortest way."""
    best: dict[tuple[str, str, int, int], Flow] = {}
    for flow in flows:
        key = (
            flow.kind,
            flow.module.path,
            getattr(flow.node, "lineno", 0),
            getattr(flow.node, "col_offset", 0),
        )
        if key not in best or len(flow.taint.steps) < len(best[key].taint.steps):
            best[key] = flow
    return sorted(
        best.values(), key=lambda flow: (flow.module.path, getattr(flow.node, "lineno", 0), flow.kind)
    )


def _is_response(value: Value) -> bool:
    """Whether a value is a response object made elsewhere, with a type of its own."""
    names = [ref.name for ref in value.refs if type(ref) is External]
    return any(
        re.search(r"(?:jsonify|dumps|Response|render_template|redirect|send_file|make_response)\w*\(\)", name)
        for name in names
    )


__all__ = ["Analysis", "flows_of", "join_all"]
