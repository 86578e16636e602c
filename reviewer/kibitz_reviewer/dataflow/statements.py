"""Statements: how control goes through a function, and what the state is on each way.

Python has no goto: the flow graph of a function is its tree. So the statements are run in their order, the ways of a
branch each on a copy of the state that is joined where they meet, and loops until nothing changes (three rounds at most).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from kibitz_reviewer.dataflow import fold
from kibitz_reviewer.dataflow.branches import Branches, GoneError
from kibitz_reviewer.dataflow.guards import VALIDATOR
from kibitz_reviewer.dataflow.state import State, joined
from kibitz_reviewer.dataflow.values import (
    NONE,
    UNKNOWN,
    ClassRef,
    External,
    FunctionRef,
    ModuleRef,
    Value,
)
from kibitz_reviewer.engines.names import imports_of


class Statements(Branches):
    """Runs statements."""

    def run(self, body: Sequence[ast.stmt]) -> None:
        """Run statements in order until control leaves."""
        for statement in body:
            if not self.alive:
                return
            self.spend()
            tries = self.flowing.tries
            if tries:
                tries[-1] = joined(tries[-1], self.state.copy(self.here.frame))
            handler = self._STATEMENTS.get(type(statement))
            if handler is not None:
                try:
                    handler(self, statement)
                except GoneError:
                    self.alive = False

    # Simple statements

    def _expression(self, node: ast.Expr) -> None:
        self.eval(node.value)
        value = node.value.value if isinstance(node.value, ast.Await) else node.value
        if isinstance(value, ast.Call):
            self._validated(value)

    def _validated(self, call: ast.Call) -> None:
        """``validate_name(name)`` as a statement: it raises, or the name is fine."""
        func = call.func
        name = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
        if VALIDATOR.search(name) and not any(type(ref) is FunctionRef for ref in self.eval(func).refs):
            for argument in call.args:
                self.clean_value(self.eval(argument), ["*"])

    def _assign(self, node: ast.Assign) -> None:
        value = self.eval(node.value)
        for target in node.targets:
            self.assign(target, value, node.value)

    def _annotated(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.assign(node.target, self.eval(node.value), node.value)

    def _augmented(self, node: ast.AugAssign) -> None:
        left, right = self.eval(node.target), self.eval(node.value)
        objects = self.objects(self.state, left)
        if isinstance(node.op, ast.Add) and objects:
            for place, obj in objects:
                more = self.known_items(right)
                if obj.items is not None and more is not None and len(left.refs) == 1 and len(obj.items) < 32:
                    self.update(place, replace(obj, items=(*obj.items, *more)))
                else:
                    self.update(place, obj.loose().with_rest(self.iterated(right)))
            return
        self.assign(node.target, self.combined(node.op, left, right, node), node.value)

    def _return(self, node: ast.Return) -> None:
        wanted = self.wanted()
        value = NONE if node.value is None else self.eval(node.value)
        if wanted is not None and node.value is not None:
            known = fold.truth(value)
            if known is not None and known is not wanted:
                self.alive = False
                return
            if known is None:
                self.refine(node.value, wanted)
        elif wanted is True:
            self.alive = False
            return
        self.returning(node, value)
        self.here.returned.append((value, self.state))
        self.alive = False

    def wanted(self) -> bool | None:
        """The truth value the caller asks of the running function; None if it takes any."""
        return None

    def returning(self, node: ast.Return, value: Value) -> None:
        """Hook: the running function returns."""

    def _raise(self, node: ast.Raise) -> None:
        if node.exc is not None:
            self.eval(node.exc)
        self.alive = False

    def _assert(self, node: ast.Assert) -> None:
        self.eval(node.test)
        self.refine(node.test, True)

    def _delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.state.frames.get(self.here.frame, {}).pop(target.id, None)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        names = self.state.frames.setdefault(self.here.frame, {})
        path = self.here.home.path
        for local, qualified in imports_of(node):
            if isinstance(node, ast.Import) and any(alias.name == local for alias in node.names) is False:
                is_package = not any(alias.asname == local for alias in node.names)
            else:
                is_package = False
            names[local] = (
                Value(refs=frozenset((External(qualified),)), unknown=True)
                if is_package
                else self.deferred(qualified, path)
            )
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            self._import_everything(node, names)

    def _import_everything(self, node: ast.ImportFrom, names: dict[str, Value]) -> None:
        dotted = "." * node.level + (node.module or "")
        value = self.imported(dotted, self.here.home.path) if dotted.strip(".") else UNKNOWN
        for ref in value.refs:
            if type(ref) is ModuleRef:
                module = self.workspace.module(ref.path)
                if module is not None:
                    home = self.info(module)
                    self.load(home)
                    names.update(self.globals.get(home.frame, {}))

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        info = self.here.home.function(node)
        value = Value(refs=frozenset((FunctionRef(info, self.closure()),)))
        for decorator in reversed(node.decorator_list):
            value = self._decorated(decorator, value, node)
        self.state.frames.setdefault(self.here.frame, {})[node.name] = value

    def _decorated(self, decorator: ast.expr, value: Value, node: ast.AST) -> Value:
        called = self.eval(decorator)
        ours = [ref for ref in called.refs if type(ref) is FunctionRef]
        for ref in ours:
            result = self.call_function(ref, [value], {}, node)
            if any(type(each) is FunctionRef for each in result.refs):
                return result
        return value

    def _class(self, node: ast.ClassDef) -> None:
        info = self.here.home.cls(node)
        self.base_values[info] = [self.eval(base) for base in node.bases]
        self.state.frames.setdefault(self.here.frame, {})[node.name] = Value(
            refs=frozenset((ClassRef(info),))
        )

    def _global(self, node: ast.Global) -> None:
        self.here.globals.update(node.names)

    def _nonlocal(self, node: ast.Nonlocal) -> None:
        self.here.nonlocals.update(node.names)

    # Contexts and exceptions

    def _with(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            value = self.entered(self.eval(item.context_expr), node)
            if item.optional_vars is not None:
                self.assign(item.optional_vars, value, item.context_expr)
        self.run(node.body)

    def entered(self, value: Value, node: ast.AST) -> Value:
        """What ``with value as`` binds."""
        return value

    def _try(self, node: ast.Try | ast.TryStar) -> None:
        tries = self.flowing.tries
        tries.append(self.state.copy(self.here.frame))
        self.run(node.body)
        raised = tries.pop()
        if self.alive:
            raised = joined(raised, self.state.copy(self.here.frame))
            self.run(node.orelse)
        after = self.state if self.alive else None
        for handler in node.handlers:
            if raised is None:
                break
            self.state, self.alive = raised.copy(self.here.frame), True
            if handler.name:
                self.state.frames.setdefault(self.here.frame, {})[handler.name] = self.caught(handler)
            self.run(handler.body)
            after = joined(after, self.state if self.alive else None)
        if tries and raised is not None:
            tries[-1] = joined(tries[-1], raised)
        self._finally(node, after, raised)

    def caught(self, handler: ast.ExceptHandler) -> Value:
        """The exception that a handler binds."""
        return UNKNOWN

    def _finally(self, node: ast.Try | ast.TryStar, after: State | None, raised: State | None) -> None:
        if node.finalbody:
            start = after or raised
            if start is None:
                self.alive = False
                return
            self.state, self.alive = start, True
            self.run(node.finalbody)
            after = self.state if self.alive and after is not None else None
        self.alive = after is not None
        if after is not None:
            self.state = after

    _STATEMENTS: ClassVar[dict[type[ast.AST], Callable[[Any, Any], None]]] = {
        **Branches.BRANCHES,
        ast.Expr: _expression,
        ast.Assign: _assign,
        ast.AnnAssign: _annotated,
        ast.AugAssign: _augmented,
        ast.Return: _return,
        ast.Raise: _raise,
        ast.Assert: _assert,
        ast.Delete: _delete,
        ast.Import: _import,
        ast.ImportFrom: _import,
        ast.FunctionDef: _function,
        ast.AsyncFunctionDef: _function,
        ast.ClassDef: _class,
        ast.Global: _global,
        ast.Nonlocal: _nonlocal,
        ast.With: _with,
        ast.AsyncWith: _with,
        ast.Try: _try,
        ast.TryStar: _try,
    }
