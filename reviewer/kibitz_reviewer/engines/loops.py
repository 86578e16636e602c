"""Loops: whether code runs once or again and again, and what stays the same meanwhile."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TypeAlias

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.names import COMPREHENSIONS, FUNCTIONS

Loop: TypeAlias = ast.For | ast.AsyncFor | ast.While
LOOPS = (ast.For, ast.AsyncFor, ast.While)
HANDLER_DECORATORS = frozenset(
    {"route", "get", "post", "put", "patch", "delete", "websocket", "task", "command", "on_event"}
)


def loop_around(module: Module, node: ast.AST) -> Loop | None:
    """The innermost loop whose every turn runs ``node``, within its own function; a last turn's code does not count."""
    child = node
    for parent in module.ancestors(node):
        if isinstance(parent, (*FUNCTIONS, ast.ClassDef, ast.Lambda)):
            return None
        if isinstance(parent, LOOPS) and _runs_each_turn(parent, child) and not _leaves(parent, node, module):
            return parent
        child = parent
    return None


def repeats(module: Module, node: ast.AST) -> bool:
    """Whether ``node`` runs once per turn of a loop or comprehension of its function."""
    child = node
    for parent in module.ancestors(node):
        if isinstance(parent, (*FUNCTIONS, ast.ClassDef, ast.Lambda)):
            break
        if isinstance(parent, COMPREHENSIONS) and child is not parent.generators[0]:
            return True
        child = parent
    return loop_around(module, node) is not None


def names_in(node: ast.AST) -> frozenset[str]:
    """Every plain name that occurs in ``node``."""
    return frozenset(inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name))


def changed_in(node: ast.AST) -> frozenset[str]:
    """The plain names that ``node`` binds anew."""
    return frozenset(
        inner.id
        for inner in ast.walk(node)
        if isinstance(inner, ast.Name) and not isinstance(inner.ctx, ast.Load)
    )


def is_handler(module: Module, function: ast.AST) -> bool:
    """Whether a framework calls ``function`` again and again: a route, a task, a Lambda handler."""
    if not isinstance(function, FUNCTIONS):
        return False
    return is_lambda_handler(module, function) or any(
        _names_handler(each) for each in function.decorator_list
    )


def is_lambda_handler(module: Module, function: ast.AST) -> bool:
    """Whether ``function`` looks like an AWS Lambda handler: a module's own ``f(event, context)``."""
    if not isinstance(function, FUNCTIONS) or not isinstance(module.parent(function), ast.Module):
        return False
    names = [argument.arg.lstrip("_") for argument in function.args.args]
    return len(names) == 2 and names[0] in ("event", "evt") and names[1] in ("context", "ctx", "")


def functions(module: Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function of the file, in source order."""
    yield from module.nodes(ast.FunctionDef, ast.AsyncFunctionDef)


def _names_handler(decorator: ast.expr) -> bool:
    if not isinstance(decorator, ast.Call):
        return False
    return isinstance(decorator.func, ast.Attribute) and decorator.func.attr in HANDLER_DECORATORS


def _runs_each_turn(loop: Loop, child: ast.AST) -> bool:
    return child in loop.body or (isinstance(loop, ast.While) and child is loop.test)


def _leaves(loop: Loop, node: ast.AST, module: Module) -> bool:
    """Whether the block that holds ``node`` always leaves the loop: it runs once at most."""
    child: ast.AST = node
    for parent in module.ancestors(node):
        for name in ("body", "orelse", "handlers", "finalbody"):
            block = getattr(parent, name, None)
            if (
                isinstance(block, list)
                and child in block
                and isinstance(block[-1], (ast.Return, ast.Break, ast.Raise))
            ):
                return True
        if parent is loop:
            return False
        child = parent
    return False
