"""Small libcst edits that fixes are made of: arguments of calls, names of functions, brackets where they are needed."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst


def tight() -> cst.AssignEqual:
    """An equals sign without spaces, as between a keyword and its value."""
    return cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))


def code_of(node: cst.CSTNode) -> str:
    """The source of a node."""
    return cst.Module([]).code_for_node(node)


def parsed(code: str) -> cst.BaseExpression:
    """An expression from its source."""
    return cst.parse_expression(code)


def statement(code: str) -> cst.BaseStatement:
    """A statement from its source."""
    return cst.parse_statement(code)


def bracketed(node: cst.BaseExpression, parent: cst.CSTNode | None) -> cst.BaseExpression:
    """``node``, in brackets if what stands around it would take it apart."""
    binding = cst.Attribute | cst.Call | cst.Subscript | cst.BinaryOperation | cst.UnaryOperation
    if isinstance(parent, binding | cst.Comparison | cst.Await) and not node.lpar:
        return node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    return node


def argument(call: cst.Call, index: int, *names: str) -> cst.Arg | None:
    """The argument at a position, or under one of the names; None if it is not there or may hide behind a star."""
    for place, arg in enumerate(call.args):
        if arg.star:
            return None
        if (arg.keyword is None and place == index) or (
            arg.keyword is not None and arg.keyword.value in names
        ):
            return arg
    return None


def with_keyword(call: cst.Call, name: str, code: str) -> cst.Call:
    """``call`` with ``name=code`` set, or added at the end in the manner of the arguments that are there."""
    value = parsed(code)
    for arg in call.args:
        if arg.keyword is not None and arg.keyword.value == name:
            return call.with_deep_changes(arg, value=value)
    new = cst.Arg(value, keyword=cst.Name(name), equal=tight())
    if not call.args:
        return call.with_changes(args=[new])
    *first, last = call.args
    between = first[-1].comma if first else cst.MaybeSentinel.DEFAULT
    if not isinstance(between, cst.Comma):
        is_broken = isinstance(call.whitespace_before_args, cst.ParenthesizedWhitespace)
        space = call.whitespace_before_args if is_broken else cst.SimpleWhitespace(" ")
        between = cst.Comma(whitespace_after=space)
    new = new.with_changes(comma=last.comma, whitespace_after_arg=last.whitespace_after_arg)
    last = last.with_changes(comma=between, whitespace_after_arg=cst.SimpleWhitespace(""))
    return call.with_changes(args=[*first, last, new])


def without_keywords(call: cst.Call, *names: str) -> cst.Call:
    """``call`` without the arguments of these names."""
    kept = [arg for arg in call.args if arg.keyword is None or arg.keyword.value not in names]
    if len(kept) == len(call.args):
        return call
    if kept:
        ending = call.args[-1]
        kept[-1] = kept[-1].with_changes(comma=ending.comma, whitespace_after_arg=ending.whitespace_after_arg)
    return call.with_changes(args=kept)


def with_value(call: cst.Call, arg: cst.Arg, code: str) -> cst.Call:
    """``call`` with another value for one of its arguments."""
    return call.with_deep_changes(arg, value=parsed(code))


def calling(call: cst.Call, function: str, args: Sequence[cst.Arg] | None = None) -> cst.Call:
    """A call of another function, with the same arguments or with ``args``."""
    given = call.args if args is None else _tidy(args)
    return call.with_changes(func=parsed(function), args=given)


def _tidy(args: Sequence[cst.Arg]) -> list[cst.Arg]:
    kept = list(args)
    if kept:
        kept[-1] = kept[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
    return kept


def text_value(node: cst.BaseExpression | None) -> str | None:
    """The value of a plain string literal."""
    if isinstance(node, cst.SimpleString) and isinstance(value := node.evaluated_value, str):
        return value
    return None


def changed(node: cst.CSTNode, change: Callable[[cst.CSTNode], cst.CSTNode | None]) -> cst.CSTNode | None:
    """``node`` with what ``change`` gives in the place of the nodes inside; None if it never gives anything."""
    from kibitz_reviewer.engines.changing import Changing

    transformer = Changing(change)
    result = node.visit(transformer)
    return result if transformer.found and isinstance(result, cst.CSTNode) else None


def mentions(node: cst.CSTNode, name: str) -> bool:
    """Whether a plain name occurs in a node."""
    return changed(node, lambda n: n if isinstance(n, cst.Name) and n.value == name else None) is not None


def is_local(module: Module, name: ast.Name) -> bool:
    """Whether a name belongs to a function: it means nothing at the top level."""
    found = module.bindings(name)
    return any(module.enclosing_function(b.node) is not None or isinstance(b.node, ast.arg) for b in found)
