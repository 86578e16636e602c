"""Arguments of calls: by position or name, and what they are known to be."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module

ABSENT = object()


def keyword(call: ast.Call, *names: str) -> ast.expr | None:
    """The argument given under one of these names."""
    return next((k.value for k in call.keywords if k.arg in names), None)


def argument(call: ast.Call, index: int, *names: str) -> ast.expr | None:
    """The argument at a position, or given under one of the names; None if neither is there."""
    if index < len(call.args) and not any(isinstance(a, ast.Starred) for a in call.args[: index + 1]):
        return call.args[index]
    return keyword(call, *names)


def keywords_of(module: Module, call: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    """The named arguments of a call, those of ``**options`` included where the source shows the dictionary."""
    for each in call.keywords:
        if each.arg is not None:
            yield each.arg, each.value
            continue
        mapping = module.value_of(each.value)
        if isinstance(mapping, ast.Dict):
            for key, value in zip(mapping.keys, mapping.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield key.value, value


def is_open(call: ast.Call) -> bool:
    """Whether ``*args`` or ``**kwargs`` may hold arguments the source does not show."""
    return any(k.arg is None for k in call.keywords) or any(isinstance(a, ast.Starred) for a in call.args)


def known(module: Module, node: ast.expr | None) -> object:
    """The constant an argument is; ``ABSENT`` if there is none, or it is no constant."""
    return ABSENT if node is None else module.constant(node, ABSENT)


def is_true(module: Module, node: ast.expr | None) -> bool:
    """Whether an argument surely is true."""
    value = known(module, node)
    return value is not ABSENT and bool(value)


def is_false(module: Module, node: ast.expr | None) -> bool:
    """Whether an argument surely is false (or None)."""
    value = known(module, node)
    return value is not ABSENT and not value


def texts(module: Module, node: ast.expr | None) -> list[str]:
    """The texts of a constant, or of a display of constants."""
    if node is None:
        return []
    value = module.value_of(node)
    if isinstance(value, ast.List | ast.Tuple | ast.Set):
        return [text for element in value.elts for text in texts(module, element)]
    constant = module.constant(value)
    return [constant] if isinstance(constant, str) else []


def name_of(module: Module, node: ast.expr | None) -> str:
    """The qualified name of an argument, or the empty text."""
    return "" if node is None else module.qualified_name(node) or ""


def method(call: ast.Call) -> str:
    """The name a method is called by."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def target_names(node: ast.AST) -> list[str]:
    """The names and attributes a statement assigns."""
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign | ast.AugAssign):
        targets = [node.target]
    return [
        t.id if isinstance(t, ast.Name) else t.attr
        for t in targets
        if isinstance(t, ast.Name | ast.Attribute)
    ]
