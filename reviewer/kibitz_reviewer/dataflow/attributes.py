"""Attributes: of objects, classes and modules of the program, and of what lies outside of it."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, ClassVar

from kibitz_reviewer.dataflow.container_methods import ContainerMethods
from kibitz_reviewer.dataflow.program import ClassInfo, FunctionInfo
from kibitz_reviewer.dataflow.values import (
    HARMLESS,
    UNKNOWN,
    ClassRef,
    External,
    FunctionRef,
    ModuleRef,
    ObjectRef,
    Taint,
    Value,
    external,
    join,
    join_all,
)

PARSED = (".parse_args()", ".parse_known_args()[]")


class Attributes(ContainerMethods):
    """Reads attributes."""

    def _attribute(self, node: ast.Attribute) -> Value:
        if _is_super(node.value):
            return self.super_attribute(node.attr)
        return self.attribute(self.eval(node.value), node.attr, node)

    def super_attribute(self, name: str) -> Value:
        """``super().name`` in the running method."""
        info = self.here.function
        if info is None or info.owner is None:
            return UNKNOWN
        own = self._own_self(info)
        for base in self.bases(info.owner):
            found = self.find_method(base, name)
            if found is not None:
                return Value(refs=frozenset((FunctionRef(found, 0, own),)))
        return UNKNOWN

    def _own_self(self, info: FunctionInfo) -> Value:
        args = info.node.args
        first = [*args.posonlyargs, *args.args][:1]
        return self.state.frames[self.here.frame].get(first[0].arg, UNKNOWN) if first else UNKNOWN

    def attribute(self, value: Value, name: str, node: ast.AST) -> Value:
        """``value.name``."""
        if value.taints and self._is_limited(value, name):
            return HARMLESS
        results: list[Value] = []
        for ref in value.refs:
            results.append(self._attribute_of(ref, value, name, node))
        if value.taints:
            results.append(Value(self.narrowed(value.taints, name), unknown=value.unknown))
        if not results:
            return UNKNOWN if value.unknown or value.constants is None else HARMLESS
        return join_all(results)

    def _is_limited(self, value: Value, name: str) -> bool:
        """Whether ``args.name`` is a number, or one of the choices that the parser of the command line was given."""
        if not any(type(ref) is External and ref.name.endswith(PARSED) for ref in value.refs):
            return False
        module = self.here.home.module
        for call in module.method_calls("add_argument"):
            given = {keyword.arg: keyword.value for keyword in call.keywords}
            names = [module.constant(given.get("dest")), *(module.constant(arg) for arg in call.args)]
            if name in [str(each).lstrip("-").replace("-", "_") for each in names]:
                kind = given.get("type")
                return "choices" in given or (isinstance(kind, ast.Name) and kind.id in ("int", "float"))
        return False

    def _attribute_of(self, ref: object, value: Value, name: str, node: ast.AST) -> Value:
        if type(ref) is External:
            return self._external_attribute(ref.name, name, node)
        if type(ref) is ObjectRef:
            return self._object_attribute(ref, name, node)
        if type(ref) is ModuleRef:
            found = self.member(ref.path, name)
            return UNKNOWN if found is None else found
        if type(ref) is ClassRef:
            return self.class_attribute(ref.info, name, Value(refs=frozenset((ref,))))
        return UNKNOWN

    def _external_attribute(self, owner: str, name: str, node: ast.AST) -> Value:
        full = f"{owner}.{name}"
        model = self.models.sources.get(full)
        if model is not None:
            text = self.here.home.module.segment(node)
            return Value(
                frozenset((self.source(node, model, f"`{_short(text)}`"),)), refs=frozenset((External(full),))
            )
        if "(" not in full and "[" not in full:
            return self.imported(full, self.here.home.path)
        return external(full)

    def _object_attribute(self, ref: ObjectRef, name: str, node: ast.AST) -> Value:
        obj = self.heap_object(self.state, ref.key)
        if obj is None:
            return UNKNOWN
        found = obj.cells.get(name)
        if obj.cls is None:
            if found is None and obj.kind != "object":
                return Value(refs=frozenset((External(f"{obj.kind}().{name}"),)))
            return found if found is not None else obj.rest or UNKNOWN
        shared = self.class_fields.get(obj.cls, {}).get(name)
        if found is not None:
            return found if obj.kind != "summary" or shared is None else join(found, shared)
        inherited = self.class_attribute(obj.cls, name, Value(refs=frozenset((ref,))))
        return join(inherited, shared) if shared is not None else inherited

    def class_attribute(self, info: ClassInfo, name: str, bound: Value) -> Value:
        """What a class or its bases give for ``name``; methods are bound, properties called."""
        method = self.find_method(info, name)
        if method is not None:
            return self._bound(method, info, bound)
        for each in self.mro(info):
            for statement in each.node.body:
                value = _class_value(statement, name)
                if value is not None:
                    return self.in_module(each.module, value)
        for each in self.mro(info):
            for base in each.node.bases:
                for ref in self.in_module(each.module, base).refs:
                    if type(ref) is External:
                        return self._external_attribute(f"{ref.name}()", name, each.node)
        return UNKNOWN

    def _bound(self, method: FunctionInfo, info: ClassInfo, bound: Value) -> Value:
        decorators = {self.decorator_name(d) for d in getattr(method.node, "decorator_list", [])}
        is_class = any(type(ref) is ClassRef for ref in bound.refs)
        if "staticmethod" in decorators:
            return Value(refs=frozenset((FunctionRef(method),)))
        if "classmethod" in decorators:
            return Value(refs=frozenset((FunctionRef(method, 0, Value(refs=frozenset((ClassRef(info),)))),)))
        if is_class:
            return Value(refs=frozenset((FunctionRef(method),)))
        if decorators & {"property", "cached_property", "functools.cached_property"}:
            return self.call_function(FunctionRef(method, 0, bound), [], {}, method.node)
        return Value(refs=frozenset((FunctionRef(method, 0, bound),)))

    def decorator_name(self, node: ast.expr) -> str:
        """A decorator as written, without its arguments."""
        target = node.func if isinstance(node, ast.Call) else node
        return ast.unparse(target)

    def narrowed(self, taints: frozenset[Taint], key: object) -> frozenset[Taint]:
        """The taints of one part of something that is controlled as a whole."""
        return taints

    ATTRIBUTES: ClassVar[dict[type[ast.AST], Callable[[Any, Any], Value]]] = {ast.Attribute: _attribute}


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:57] + "..."


def _is_super(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"


def _class_value(statement: ast.stmt, name: str) -> ast.expr | None:
    if isinstance(statement, ast.Assign):
        targets: list[ast.expr] = statement.targets
    elif isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    else:
        return None
    named = any(isinstance(target, ast.Name) and target.id == name for target in targets)
    return statement.value if named else None
