"""What is filled into a text, passed through a function that makes it harmless there."""

from __future__ import annotations

from kibitz_reviewer.engines.edits import code_of
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.engines.pieces import safe_call


def escaped(call: cst.Call, arg: cst.Arg, function: str) -> cst.CSTNode | None:
    """``call`` with what is filled into one argument, or all of it if it is no text, passed through ``function``."""
    return with_escapes(call, arg.value, function)


def with_escapes(
    node: cst.Call | cst.Return | cst.BaseExpression, text: cst.BaseExpression, function: str
) -> cst.CSTNode | None:
    """``node`` with what is filled into ``text``, a part of it, passed through ``function``; None if that is done already."""
    new = _escaped(text, function)
    if new is None:
        return None
    if node is text:
        return new
    return node.deep_replace(text, new)


def _escaped(node: cst.BaseExpression, function: str) -> cst.BaseExpression | None:
    if isinstance(node, cst.FormattedString):
        parts = [
            part.with_changes(expression=_wrapped(part.expression, function, node.end))
            if isinstance(part, cst.FormattedStringExpression)
            and part.conversion is None
            and part.format_spec is None
            else part
            for part in node.parts
        ]
        return node.with_changes(parts=parts)
    if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Add):
        left, right = _side(node.left, function), _side(node.right, function)
        return node.with_changes(left=left, right=right)
    if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Modulo):
        if isinstance(node.right, cst.Tuple):
            elements = [e.with_changes(value=safe_call(e.value, function)) for e in node.right.elements]
            return node.with_changes(right=node.right.with_changes(elements=elements))
        return node.with_changes(right=safe_call(node.right, function))
    if isinstance(node, cst.Name | cst.Attribute | cst.Subscript | cst.Call):
        return None if code_of(node).startswith(function) else safe_call(node, function)
    return None


def _side(node: cst.BaseExpression, function: str) -> cst.BaseExpression:
    if isinstance(node, cst.SimpleString | cst.ConcatenatedString):
        return node
    return _escaped(node, function) or node


def _wrapped(node: cst.BaseExpression, function: str, quote: str) -> cst.BaseExpression:
    new = safe_call(node, function)
    return node if code_of(node).startswith(function) or quote in code_of(new) else new
