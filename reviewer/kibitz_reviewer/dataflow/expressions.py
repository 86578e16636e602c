"""Expressions: what each gives, and what it does on the way."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, ClassVar, cast

from kibitz_reviewer.dataflow import fold
from kibitz_reviewer.dataflow.containers import KEYS, Containers
from kibitz_reviewer.dataflow.program import ClassInfo, FunctionInfo
from kibitz_reviewer.dataflow.state import MASK, Object, State, joined
from kibitz_reviewer.dataflow.values import (
    EVERY_KIND,
    HARMLESS,
    UNKNOWN,
    ClassRef,
    External,
    FunctionRef,
    ModuleRef,
    ObjectRef,
    PartialRef,
    Taint,
    Value,
    external,
    join,
    join_all,
    mixed,
    of_constant,
)
from kibitz_reviewer.engines.names import BUILTINS, FUNCTIONS

FIXED_WIDTH = frozenset("dioxXeEfFgG")
#: Conversions that write line ends and quotes as escapes, and what that makes harmless.
QUOTING = frozenset("ra") | FIXED_WIDTH
ONE_LINE = ("log", "header")


class Expressions(Containers):
    """Evaluates expressions in the current state."""

    state: State
    masks: bool = False

    def eval(self, node: ast.expr | None) -> Value:
        """The value of an expression."""
        if node is None:
            return HARMLESS
        self.spend()
        if self.masks and isinstance(node, ast.Subscript | ast.Call | ast.Attribute):
            masked = self.state.frames.get(self.here.frame, {}).get(MASK + ast.unparse(node))
            if masked is not None:
                return masked
        handler = self._EXPRESSIONS.get(type(node))
        return UNKNOWN if handler is None else handler(self, node)

    def _constant(self, node: ast.Constant) -> Value:
        return of_constant(node.value)

    def _name(self, node: ast.Name) -> Value:
        found = self.lookup(self.state, node.id, node)
        if found is not None:
            return found
        return external(node.id) if node.id in BUILTINS else UNKNOWN

    # Attributes

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
        results: list[Value] = []
        for ref in value.refs:
            results.append(self._attribute_of(ref, value, name, node))
        if value.taints:
            results.append(Value(self.narrowed(value.taints, name), unknown=value.unknown))
        if not results:
            return UNKNOWN if value.unknown or value.constants is None else HARMLESS
        return join_all(results)

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

    # Subscripts

    def _subscript(self, node: ast.Subscript) -> Value:
        value = self.eval(node.value)
        if isinstance(node.slice, ast.Slice):
            return self.sliced(value, node.slice)
        return self.item(value, self.eval(node.slice), node)

    # Operators

    def _binop(self, node: ast.BinOp) -> Value:
        left, right = self.eval(node.left), self.eval(node.right)
        return self.combined(node.op, left, right, node)

    def combined(self, op: ast.operator, left: Value, right: Value, node: ast.AST) -> Value:
        """``left op right``."""
        constants = fold.binary(op, left, right)
        if constants is not None:
            single = constants[0] if len(constants) == 1 and isinstance(constants[0], str) else ""
            return Value(left.taints | right.taints, constants, prefix=single)
        if isinstance(op, ast.Add):
            sequence = self.concatenated(left, right, node)
            if sequence is not None:
                return sequence
            parts = mixed((self.deep(left), self.deep(right)))
            prefix = left.constant + right.prefix if isinstance(left.constant, str) else left.prefix
            return Value(parts.taints, prefix=prefix, unknown=parts.unknown)
        if isinstance(op, ast.Mod) and (isinstance(left.constant, str) or left.prefix or left.taints):
            return self._formatted(left, right)
        if isinstance(op, ast.Div) and (left.taints or right.taints or left.refs):
            # pathlib joins with a slash.
            return mixed((left, right))
        if isinstance(op, ast.Mult):
            return mixed((self.deep(left), self.deep(right)))
        if isinstance(op, ast.BitOr) and left.refs and right.refs:
            return join(left, right)
        return (
            HARMLESS if not left.taints and not right.taints else mixed((left, right)).cleaned([EVERY_KIND])
        )

    def _formatted(self, left: Value, right: Value) -> Value:
        text = left.constant
        filled = self.deep(right)
        if isinstance(text, str):
            prefix, percent, _ = text.partition("%")
            letters = conversions(text)
            if letters and all(letter in FIXED_WIDTH for letter in letters):
                return Value(prefix=prefix)
            value = Value(filled.taints, prefix=prefix if percent else text, unknown=filled.unknown)
            return value.cleaned(ONE_LINE) if letters and set(letters) <= QUOTING else value
        parts = mixed((left, filled))
        return Value(parts.taints, prefix=left.prefix.partition("%")[0], unknown=parts.unknown)

    def _joined(self, node: ast.JoinedStr) -> Value:
        taints: frozenset[Taint] = frozenset()
        prefix, open_end, unknown, whole = "", True, False, True
        for part in node.values:
            if isinstance(part, ast.Constant):
                text = str(part.value)
                prefix += text if open_end else ""
                continue
            inner = cast(ast.FormattedValue, part)
            value = self.deep(self.eval(inner.value))
            spec = inner.format_spec
            number = isinstance(spec, ast.JoinedStr) and bool(spec.values) and _is_number(spec.values[-1])
            if number:
                open_end = whole = False
                continue
            if value.constant is not _NOTHING and not value.taints and inner.format_spec is None:
                prefix += str(value.constant) if open_end else ""
                whole = whole and open_end
                continue
            prefix += value.prefix if open_end else ""
            open_end = whole = False
            unknown = unknown or value.unknown
            if value.taints and inner.conversion in (ord("r"), ord("a")):
                value = value.cleaned(ONE_LINE)
            taints |= value.taints
        return Value(taints, (prefix,) if whole else None, prefix=prefix, unknown=unknown)

    def _boolop(self, node: ast.BoolOp) -> Value:
        result: Value | None = None
        before = self.state
        for index, part in enumerate(node.values):
            value = self.eval(part)
            known = fold.truth(value)
            stops = isinstance(node.op, ast.Or)
            if known is stops:
                result = value if result is None else join(result, value)
                break
            if known is None or index == len(node.values) - 1:
                result = value if result is None else join(result, value)
            if index == 0:
                self.state = before.copy(self.here.frame)
            self.refine(part, not stops)
        merged = joined(before, self.state) if self.state is not before else before
        self.state = merged or before
        return HARMLESS if result is None else result

    def _unary(self, node: ast.UnaryOp) -> Value:
        value = self.eval(node.operand)
        if isinstance(node.op, ast.Not):
            known = fold.truth(value)
            return HARMLESS if known is None else of_constant(not known)
        constant = value.constant
        if isinstance(node.op, ast.USub) and isinstance(constant, int | float):
            return of_constant(-constant)
        return HARMLESS

    def _compare(self, node: ast.Compare) -> Value:
        left = self.eval(node.left)
        rights = [self.eval(right) for right in node.comparators]
        if len(rights) == 1:
            right = rights[0]
            constants = fold.compare(node.ops[0], left, right)
            if constants is None and isinstance(node.ops[0], ast.In | ast.NotIn):
                constants = self.membership(node.ops[0], left, right)
            if constants is not None:
                return Value(constants=constants)
        return HARMLESS

    def _conditional(self, node: ast.IfExp) -> Value:
        known = fold.truth(self.eval(node.test))
        results: list[Value] = []
        start, after = self.state, None
        for branch, wanted in ((node.body, True), (node.orelse, False)):
            if known is not None and known is not wanted:
                continue
            self.state = start.copy(self.here.frame)
            self.refine(node.test, wanted)
            results.append(self.eval(branch))
            after = joined(after, self.state)
        self.state = after or start
        return join_all(results)

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
        ast.Constant: _constant,
        ast.Name: _name,
        ast.Attribute: _attribute,
        ast.Subscript: _subscript,
        ast.BinOp: _binop,
        ast.JoinedStr: _joined,
        ast.BoolOp: _boolop,
        ast.UnaryOp: _unary,
        ast.Compare: _compare,
        ast.IfExp: _conditional,
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


_NOTHING = Value().constant


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:57] + "..."


def _is_super(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"


def _is_number(part: ast.expr) -> bool:
    return isinstance(part, ast.Constant) and str(part.value)[-1:] in tuple("bcdeEfFgGnoxX%")


def conversions(text: str) -> list[str]:
    """The conversion letters of a %-format."""
    letters, index = [], text.find("%")
    while index >= 0:
        end = index + 1
        if text[end : end + 1] == "(":
            end = text.find(")", end) + 1 or len(text)
        while end < len(text) and not text[end].isalpha() and text[end] != "%":
            end += 1
        if end < len(text) and text[end] != "%":
            letters.append(text[end])
        index = text.find("%", end + 1)
    return letters


def _class_value(statement: ast.stmt, name: str) -> ast.expr | None:
    if isinstance(statement, ast.Assign):
        targets: list[ast.expr] = statement.targets
    elif isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    else:
        return None
    named = any(isinstance(target, ast.Name) and target.id == name for target in targets)
    return statement.value if named else None


__all__ = ["FUNCTIONS", "KEYS", "Expressions", "PartialRef"]
