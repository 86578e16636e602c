"""Containers: what goes into lists, dictionaries and objects, and what comes out."""

from __future__ import annotations

import ast
from typing import Any

from kibitz_reviewer.dataflow.machine import Machine, constant_key
from kibitz_reviewer.dataflow.program import ClassInfo, FunctionInfo, ModuleInfo
from kibitz_reviewer.dataflow.state import Key, Object, State
from kibitz_reviewer.dataflow.values import (
    HARMLESS,
    NONE,
    UNKNOWN,
    External,
    FunctionRef,
    Taint,
    Value,
    join_all,
    mixed,
    of_constant,
)

#: The cell of a dictionary that holds the keys which are not known.
KEYS = ("keys",)
MAX_NESTING = 3
MAX_ITEMS = 32


class Containers(Machine):
    """Reads and writes what is inside of values."""

    state: State

    # What other parts provide.

    def eval(self, node: ast.expr | None) -> Value:
        """The value of an expression."""
        raise NotImplementedError

    def call(self, node: ast.Call) -> Value:
        """The value of a call."""
        raise NotImplementedError

    def refine(self, test: ast.expr, truth: bool) -> None:
        """Take into account that ``test`` is ``truth``."""
        raise NotImplementedError

    def narrowed(self, taints: frozenset[Taint], key: object) -> frozenset[Taint]:
        """The taints of one part of something that is controlled as a whole."""
        raise NotImplementedError

    def call_function(
        self, ref: FunctionRef, args: list[Value], keywords: dict[str, Value], node: ast.AST
    ) -> Value:
        """Run a function of the program."""
        raise NotImplementedError

    def find_method(self, info: ClassInfo, name: str) -> FunctionInfo | None:
        """The method a class or its bases have."""
        raise NotImplementedError

    def bases(self, info: ClassInfo) -> list[ClassInfo]:
        """The classes of the program that a class is derived from."""
        raise NotImplementedError

    def mro(self, info: ClassInfo) -> list[ClassInfo]:
        """A class and its bases within the program."""
        raise NotImplementedError

    def in_module(self, home: ModuleInfo, node: ast.expr, frame: int = 0) -> Value:
        """The value of an expression at the module level of a file."""
        raise NotImplementedError

    # Reading

    def deep(self, value: Value, nesting: int = 0) -> Value:
        """``value`` with the taints of all it holds."""
        if nesting >= MAX_NESTING or not value.refs:
            return value
        inside = [self.deep(obj.everything(), nesting + 1) for _, obj in self.objects(self.state, value)]
        if not inside:
            return value
        parts = mixed([value, *inside])
        return Value(parts.taints, value.constants, value.refs, value.prefix, parts.unknown)

    def known_items(self, value: Value) -> list[Value] | None:
        """The elements of a sequence all of which are known in order."""
        found = self.objects(self.state, value)
        if (
            len(found) == 1
            and len(value.refs) == 1
            and found[0][1].items is not None
            and found[0][1].rest is None
        ):
            return list(found[0][1].items)
        return None

    def iterated(self, value: Value) -> Value:
        """What a loop over ``value`` takes from it."""
        results: list[Value] = []
        for _, obj in self.objects(self.state, value):
            if obj.kind == "dict":
                keys = [
                    of_constant(key) for key in obj.cells if key is not KEYS and isinstance(key, str | int)
                ]
                results.append(join_all([*keys, *([obj.cells[KEYS]] if KEYS in obj.cells else [])]))
            else:
                values = [*(obj.items or ()), *([obj.rest] if obj.rest is not None else [])]
                results.append(
                    join_all(values) if values else (UNKNOWN if obj.kind == "object" else HARMLESS)
                )
        for ref in value.refs:
            if type(ref) is External:
                results.append(Value(refs=frozenset((External(f"{ref.name}[]"),)), unknown=True))
        if value.taints:
            results.append(Value(value.taints, unknown=value.unknown))
        if value.constants is not None:
            for constant in value.constants:
                if isinstance(constant, str):
                    results += [of_constant(letter) for letter in dict.fromkeys(constant[:8])]
        return join_all(results) if results else UNKNOWN

    def item(self, value: Value, key: Value, node: ast.AST) -> Value:
        """``value[key]``."""
        known, constant = constant_key(key)
        results: list[Value] = []
        for _, obj in self.objects(self.state, value):
            found = obj.at(constant) if known else self._any(obj)
            results.append(UNKNOWN if found is None else found)
        for ref in value.refs:
            if type(ref) is External:
                results.append(Value(refs=frozenset((External(f"{ref.name}[]"),)), unknown=True))
        if value.taints:
            results.append(
                Value(self.narrowed(value.taints, constant if known else None), unknown=value.unknown)
            )
        if known and value.constants is not None and not results:
            return self._indexed(value, constant)
        return join_all(results) if results else UNKNOWN

    def _any(self, obj: Object) -> Value:
        return obj.everything() if obj.cells or obj.items or obj.rest is not None else UNKNOWN

    def _indexed(self, value: Value, index: Any) -> Value:
        try:
            found = [constant[index] for constant in value.constants or ()]
        except (TypeError, IndexError, KeyError):
            return HARMLESS
        return join_all(of_constant(each) for each in found)

    def sliced(self, value: Value, part: ast.Slice) -> Value:
        """``value[a:b]``."""
        bounds = [
            self.eval(bound) if bound is not None else NONE for bound in (part.lower, part.upper, part.step)
        ]
        items = self.known_items(value)
        if all(constant_key(bound)[0] for bound in bounds):
            cut = slice(*[bound.constant for bound in bounds])
            try:
                if items is not None:
                    return self.allocate(self.state, part, Object("list", items=tuple(items[cut])))
                if isinstance(value.constant, str | bytes):
                    return of_constant(value.constant[cut])
            except (TypeError, ValueError):
                return UNKNOWN
        if self.objects(self.state, value):
            return self.allocate(self.state, part, Object("list", rest=self.iterated(value)))
        prefix = value.prefix if part.lower is None and part.upper is None else ""
        return Value(value.taints, prefix=prefix, unknown=value.unknown)

    def membership(self, op: ast.cmpop, left: Value, right: Value) -> tuple[Any, ...] | None:
        """Whether a constant is among the known constants of a container."""
        items = self.known_items(right)
        known, constant = constant_key(left)
        if (
            items is None
            or not known
            or any(item.constants is None or len(item.constants) != 1 for item in items)
        ):
            return None
        inside = any(item.constant == constant for item in items)
        return (inside if isinstance(op, ast.In) else not inside,)

    def concatenated(self, left: Value, right: Value, node: ast.AST) -> Value | None:
        """The sum of two sequences; None if they are none."""
        ours, theirs = self.objects(self.state, left), self.objects(self.state, right)
        if not ours and not theirs:
            return None
        first, second = self.known_items(left), self.known_items(right)
        if first is not None and second is not None and len(first) + len(second) <= MAX_ITEMS:
            return self.allocate(self.state, node, Object("list", items=(*first, *second)))
        both = [self.iterated(each) for each in (left, right) if each.refs or each.taints]
        return self.allocate(self.state, node, Object("list", rest=join_all(both)))

    # Writing

    def with_key(self, obj: Object, key: Value, value: Value, *, strong: bool) -> Object:
        """A dictionary with ``value`` under ``key``."""
        known, constant = constant_key(key)
        if known:
            return obj.with_cell(constant, value, strong=strong)
        if key.constants is not None and len(key.constants) > 1:
            for each in key.constants:
                obj = obj.with_cell(each, value, strong=False)
            return obj
        if key.taints:
            obj = obj.with_cell(KEYS, Value(key.taints), strong=False)
        return obj.with_rest(value)

    def update(self, key: Key, obj: Object) -> None:
        """Put an object in the place of the one under ``key``."""
        self.state.heap[key] = obj

    def is_single(self, value: Value, key: Key) -> bool:
        """Whether ``value`` is surely the one object under ``key``, so that a write replaces."""
        return len(value.refs) == 1 and key in self.state.heap

    def store_item(self, value: Value, key: Value, given: Value) -> None:
        """``value[key] = given``."""
        for place, obj in self.objects(self.state, value):
            if obj.kind == "dict" or obj.items is None:
                new = self.with_key(obj, key, given, strong=self.is_single(value, place))
            else:
                known, constant = constant_key(key)
                inside = known and isinstance(constant, int) and -len(obj.items) <= constant < len(obj.items)
                new = (
                    obj.with_cell(constant, given, strong=self.is_single(value, place))
                    if inside
                    else obj.loose().with_rest(given)
                )
            self.update(place, new)

    def store_attribute(self, value: Value, name: str, given: Value) -> None:
        """``value.name = given``."""
        for place, obj in self.objects(self.state, value):
            self.update(place, obj.with_cell(name, given, strong=self.is_single(value, place)))

    def assign(self, target: ast.expr, value: Value, origin: ast.expr | None = None) -> None:
        """Bind ``target`` to ``value``."""
        if isinstance(target, ast.Name):
            self._assign_name(target, value)
        elif isinstance(target, ast.Attribute):
            self.store_attribute(self.eval(target.value), target.attr, self.noted(value, target))
            self.assigned_attribute(target, value)
        elif isinstance(target, ast.Subscript):
            self._assign_item(target, value)
        elif isinstance(target, ast.Tuple | ast.List):
            self._unpack(target, value)
        elif isinstance(target, ast.Starred):
            rest = self.allocate(self.state, target, Object("list", rest=self.iterated(value)))
            self.assign(target.value, rest)

    def assigned_attribute(self, target: ast.Attribute, value: Value) -> None:
        """Hook: an attribute was written."""

    def assigned_item(self, target: ast.Subscript, owner: Value, key: Value, value: Value) -> None:
        """Hook: an item was written."""

    def noted(self, value: Value, target: ast.expr) -> Value:
        """``value`` with a step that says where it went."""
        if not value.taints:
            return value
        return value.with_step(self.step(target, f"flows into `{ast.unparse(target)}`"))

    def _assign_name(self, target: ast.Name, value: Value) -> None:
        value = self.noted(value, target)
        activation = self.here
        if target.id in activation.globals and activation.function is not None:
            self.store_global(activation.home, target.id, value)
            return
        frame = activation.frame
        if target.id in activation.nonlocals:
            outer = self.outer_of(frame)
            while outer and target.id not in self.state.frames.get(outer, {}):
                outer = self.outer_of(outer)
            if outer:
                self.state.own(outer)[target.id] = value
                return
        self.state.frames.setdefault(frame, {})[target.id] = value

    def _assign_item(self, target: ast.Subscript, value: Value) -> None:
        owner = self.eval(target.value)
        if isinstance(target.slice, ast.Slice):
            for place, obj in self.objects(self.state, owner):
                self.update(place, obj.loose().with_rest(self.iterated(value)))
            return
        key = self.eval(target.slice)
        self.store_item(owner, key, self.noted(value, target))
        self.assigned_item(target, owner, key, value)

    def _unpack(self, target: ast.Tuple | ast.List, value: Value) -> None:
        items = self.known_items(value)
        starred = any(isinstance(element, ast.Starred) for element in target.elts)
        if items is not None and len(items) == len(target.elts) and not starred:
            for element, each in zip(target.elts, items, strict=True):
                self.assign(element, each)
            return
        inside = self.iterated(value)
        for element in target.elts:
            self.assign(element.value if isinstance(element, ast.Starred) else element, inside)
