"""Expressions: what each gives, and what it does on the way."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, ClassVar

from kibitz_reviewer.dataflow.operators import Operators
from kibitz_reviewer.dataflow.state import MASK, Object, State
from kibitz_reviewer.dataflow.values import (
    HARMLESS,
    UNKNOWN,
    FunctionRef,
    Value,
    external,
    join_all,
    of_constant,
)
from kibitz_reviewer.engines.names import BUILTINS


class Expressions(Operators):
    """Evaluates expressions in the current state."""

    state: State
    masks: bool = False

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self._mask_names: dict[ast.expr, str] = {}

    def eval(self, node: ast.expr | None) -> Value:
        """The value of an expression."""
        if node is None:
            return HARMLESS
        self.spend()
        if self.masks and isinstance(node, ast.Subscript | ast.Call | ast.Attribute):
            masked = self.state.frames.get(self.here.frame, {}).get(self.mask_name(node))
            if masked is not None:
                return masked
        handler = self._EXPRESSIONS.get(type(node))
        return UNKNOWN if handler is None else handler(self, node)

    def mask_name(self, node: ast.expr) -> str:
        """The name under which what was found out about an expression is kept."""
        name = self._mask_names.get(node)
        if name is None:
            name = self._mask_names[node] = MASK + ast.unparse(node)
        return name

    def _constant(self, node: ast.Constant) -> Value:
        return of_constant(node.value)

    def _name(self, node: ast.Name) -> Value:
        found = self.lookup(self.state, node.id, node)
        if found is not None:
            return found
        return external(node.id) if node.id in BUILTINS else UNKNOWN

    # Subscripts

    def _subscript(self, node: ast.Subscript) -> Value:
        value = self.eval(node.value)
        if isinstance(node.slice, ast.Slice):
            return self.sliced(value, node.slice)
        return self.item(value, self.eval(node.slice), node)

    # Displays

    def _sequence(self, node: ast.List | ast.Tuple | ast.Set) -> Value:
        kind = type(node).__name__.lower()
        items: list[Value] = []
        rest: list[Value] = []
        for element in node.elts:
            if isinstance(element, ast.Starred):
                value = self.eval(element.value)
                known = self.known_items(value)
                if known is None or rest:
                    rest.append(self.iterated(value))
                else:
                    items += known
            elif rest or len(items) >= 64:
                rest.append(self.eval(element))
            else:
                items.append(self.eval(element))
        if kind == "set" or rest:
            return self.allocate(
                self.state, node, Object(kind, rest=join_all([*items, *rest]) if items or rest else None)
            )
        return self.allocate(self.state, node, Object(kind, items=tuple(items)))

    def _dict(self, node: ast.Dict) -> Value:
        obj = Object("dict")
        for key, value in zip(node.keys, node.values, strict=True):
            given = self.eval(value)
            if key is None:
                for _, other in self.objects(self.state, given):
                    obj = Object("dict", {**obj.cells, **other.cells}, None, other.rest or obj.rest)
                if given.taints:
                    obj = obj.with_rest(given)
            else:
                obj = self.with_key(obj, self.eval(key), given, strong=True)
        return self.allocate(self.state, node, obj)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Value:
        names = self.state.frames.setdefault(self.here.frame, {})
        saved = dict(names)
        for generator in node.generators:
            element = self.iterated(self.eval(generator.iter))
            self.assign(generator.target, element, generator.iter)
            for condition in generator.ifs:
                self.eval(condition)
                self.refine(condition, True)
        if isinstance(node, ast.DictComp):
            obj = self.with_key(Object("dict"), self.eval(node.key), self.eval(node.value), strong=False)
        else:
            kind = "set" if isinstance(node, ast.SetComp) else "list"
            obj = Object(kind, rest=self.eval(node.elt))
        names = self.state.frames.setdefault(self.here.frame, {})
        for name in [name for name in names if name not in saved]:
            del names[name]
        names.update(saved)
        return self.allocate(self.state, node, obj)

    # The rest

    def _lambda(self, node: ast.Lambda) -> Value:
        info = self.here.home.function(node)
        return Value(refs=frozenset((FunctionRef(info, self.closure()),)))

    def closure(self) -> int:
        """The running frame, kept for functions that see it; 0 at module level."""
        frame = self.here.frame
        if self.here.function is None:
            return 0
        self.parents[frame] = self.here.outer
        return frame

    def _await(self, node: ast.Await) -> Value:
        return self.eval(node.value)

    def _yield(self, node: ast.Yield) -> Value:
        if node.value is not None:
            self.here.yielded.append(self.eval(node.value))
        return UNKNOWN

    def _yield_from(self, node: ast.YieldFrom) -> Value:
        self.here.yielded.append(self.iterated(self.eval(node.value)))
        return UNKNOWN

    def _walrus(self, node: ast.NamedExpr) -> Value:
        value = self.eval(node.value)
        self.assign(node.target, value, node.value)
        return value

    def _starred(self, node: ast.Starred) -> Value:
        return self.eval(node.value)

    def _call(self, node: ast.Call) -> Value:
        return self.call(node)

    _EXPRESSIONS: ClassVar[dict[type[ast.AST], Callable[[Any, Any], Value]]] = {
        **Operators.ATTRIBUTES,
        **Operators.OPERATORS,
        ast.Constant: _constant,
        ast.Name: _name,
        ast.Subscript: _subscript,
        ast.List: _sequence,
        ast.Tuple: _sequence,
        ast.Set: _sequence,
        ast.Dict: _dict,
        ast.ListComp: _comprehension,
        ast.SetComp: _comprehension,
        ast.GeneratorExp: _comprehension,
        ast.DictComp: _comprehension,
        ast.Lambda: _lambda,
        ast.Await: _await,
        ast.Yield: _yield,
        ast.YieldFrom: _yield_from,
        ast.NamedExpr: _walrus,
        ast.Starred: _starred,
        ast.Call: _call,
    }
