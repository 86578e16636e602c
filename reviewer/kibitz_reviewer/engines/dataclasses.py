"""Dataclasses: which classes are, and how they were asked for."""

from __future__ import annotations

import ast

from kibitz_reviewer.engines.index import Module


def dataclass_of(module: Module, node: ast.ClassDef) -> ast.expr | None:
    """The decorator that makes a class a dataclass of the standard library; None if there is none."""
    for decorator in node.decorator_list:
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        if module.qualified_name(target) == "dataclasses.dataclass":
            return decorator
    return None
