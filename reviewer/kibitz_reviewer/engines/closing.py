"""Things that must be closed: whether a variable that holds one is, on every way."""

from __future__ import annotations

import ast
import functools

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.lifetimes import stays_open

#: What reads from what it is handed, and never closes it.
READERS = frozenset(
    {
        "csv.reader",
        "csv.DictReader",
        "csv.writer",
        "csv.DictWriter",
        "json.load",
        "yaml.safe_load",
        "pickle.load",
        "list",
    }
    | {
        "enumerate",
        "iter",
        "next",
        "sorted",
        "tomllib.load",
        "shutil.copyfileobj",
        "xml.etree.ElementTree.parse",
        "tuple",
    }
)


def leaks_from(module: Module, assign: ast.Assign, name: str) -> bool:
    """Whether the variable stays in the function and is not closed by ``with`` or ``finally``."""
    function = module.enclosing_function(assign)
    if function is None:
        return False
    uses = [
        n
        for n in ast.walk(function)
        if isinstance(n, ast.Name) and n.id == name and n.lineno >= assign.lineno
    ]
    cleaned = False
    for use in uses:
        parent = module.parent(use)
        if isinstance(use.ctx, ast.Store):
            if parent is not assign:
                return False
            continue
        if isinstance(parent, ast.For) and parent.iter is use:
            continue
        if (
            isinstance(parent, ast.Call)
            and use in parent.args
            and module.qualified_name(parent.func) in READERS
        ):
            continue
        if not isinstance(parent, ast.Attribute) or module.enclosing_function(use) is not function:
            return False
        if parent.attr in ("close", "__exit__", "detach") and (
            _in_cleanup(module, use) or _follows(module, assign, use)
        ):
            cleaned = True
            continue
        if parent.attr in ("close", "__exit__") and not isinstance(module.parent(parent), ast.Call):
            return False
    return not cleaned or stays_open(module, assign, name, functools.partial(_closes, name))


def _closes(name: str, node: ast.AST) -> bool:
    """Whether a node closes the variable ``name``."""
    return (
        isinstance(node, ast.Attribute)
        and node.attr in ("close", "__exit__", "detach")
        and isinstance(node.value, ast.Name)
        and node.value.id == name
    )


def _in_cleanup(module: Module, node: ast.AST) -> bool:
    """Whether ``node`` stands in ``finally`` or ``except``."""
    child = node
    for parent in module.ancestors(node):
        if isinstance(parent, ast.Try) and child in parent.finalbody:
            return True
        if isinstance(parent, ast.ExceptHandler):
            return True
        child = parent
    return False


def _follows(module: Module, assign: ast.Assign, close: ast.AST) -> bool:
    """Whether the ``close`` comes right after the ``open``: nothing in between can fail."""
    statement = module.enclosing_statement(close)
    parent = module.parent(assign)
    for name in ("body", "orelse", "finalbody"):
        block = getattr(parent, name, None)
        if isinstance(block, list) and assign in block and statement in block:
            return bool(block.index(statement) == block.index(assign) + 1)
    return False
