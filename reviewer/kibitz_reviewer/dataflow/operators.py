"""Operators: arithmetic, formatting, comparison, and the choices between values."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, ClassVar, cast

from kibitz_reviewer.dataflow import fold
from kibitz_reviewer.dataflow.attributes import Attributes
from kibitz_reviewer.dataflow.state import joined
from kibitz_reviewer.dataflow.values import (
    EVERY_KIND,
    HARMLESS,
    Taint,
    Value,
    join,
    join_all,
    mixed,
    of_constant,
)

FIXED_WIDTH = frozenset("dioxXeEfFgG")
#: Conversions that write line ends and quotes as escapes, and what that makes harmless.
QUOTING = frozenset("ra") | FIXED_WIDTH
ONE_LINE = ("log", "header")


class Operators(Attributes):
    """Evaluates what combines values."""

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

    OPERATORS: ClassVar[dict[type[ast.AST], Callable[[Any, Any], Value]]] = {
        ast.BinOp: _binop,
        ast.JoinedStr: _joined,
        ast.BoolOp: _boolop,
        ast.UnaryOp: _unary,
        ast.Compare: _compare,
        ast.IfExp: _conditional,
    }


_NOTHING = Value().constant


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
