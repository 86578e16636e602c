"""Defaults that remember."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.names import Function
from kibitz_reviewer.rule import Finding, Rule, Severity

MAKERS = (
    "list",
    "dict",
    "set",
    "collections.defaultdict",
    "collections.OrderedDict",
    "collections.deque",
    "collections.Counter",
)
CHANGERS = frozenset(
    {
        "append",
        "add",
        "update",
        "extend",
        "insert",
        "pop",
        "popitem",
        "remove",
        "discard",
        "clear",
        "setdefault",
        "sort",
        "reverse",
    }
    | {"appendleft", "extendleft", "popleft"}
)


class MutableDefault(Rule):
    """Mutable default value is shared by all calls of the function.

    A default is made once, when the function is defined. What one call puts into the list, the next call finds in it.
    A default that the function only reads does no harm and is not reported; one it changes, stores or hands out is.

    Default to `None` and make the object inside: `if items is None: items = []`.
    """

    severity = Severity.MEDIUM
    aliases = ("python/default-argument-mutable-objects@v1.0",)
    triggers = ("def",)
    noncompliant = (
        """
        def collect(item, into=[]):  # finding
            into.append(item)
            return into
        """,
        """
        class Cart:
            def __init__(self, owner, *, lines=dict()):  # finding
                self.lines = lines
        """,
    )
    compliant = (
        """
        def collect(item, into=None):
            if into is None:
                into = []
            into.append(item)
            return into
        """,
        """
        def total(prices=(), options={}):
            return sum(prices) * options.get("rate", 1)
        """,
        """
        def merged(extra={}):
            extra = dict(extra)
            extra["x"] = 1
            return extra
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for function in module.nodes(ast.FunctionDef, ast.AsyncFunctionDef):
            for argument, default in _defaults(function):
                if _is_mutable(module, default) and _escapes(module, function, argument.arg):
                    yield self.finding(
                        module,
                        default,
                        f"All calls share this default of `{argument.arg}`. Default to `None` and make the object inside.",
                    )


def _defaults(function: Function) -> Iterator[tuple[ast.arg, ast.expr]]:
    positional = [*function.args.posonlyargs, *function.args.args]
    yield from zip(
        positional[len(positional) - len(function.args.defaults) :], function.args.defaults, strict=True
    )
    for argument, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        if default is not None:
            yield argument, default


def _is_mutable(module: Module, node: ast.expr) -> bool:
    if isinstance(node, (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)):
        return True
    return isinstance(node, ast.Call) and module.qualified_name(node.func) in MAKERS


def _escapes(module: Module, function: Function, name: str) -> bool:
    """Whether the function changes the object, keeps it, or hands it out, before giving the name another one."""
    uses = [n for n in ast.walk(function) if isinstance(n, ast.Name) and n.id == name]
    rebound = min((n.lineno for n in uses if isinstance(n.ctx, ast.Store)), default=None)
    return any(_is_escape(module, use) for use in uses if rebound is None or use.lineno < rebound)


def _is_escape(module: Module, use: ast.Name) -> bool:
    parent = module.parent(use)
    above = module.parent(parent) if parent is not None else None
    if isinstance(parent, ast.Attribute):
        return parent.attr in CHANGERS and isinstance(above, ast.Call) and above.func is parent
    if isinstance(parent, ast.Subscript):
        return parent.value is use and not isinstance(parent.ctx, ast.Load)
    if isinstance(parent, (ast.Return, ast.Yield)):
        return True
    if isinstance(parent, ast.Assign) and parent.value is use:
        return any(isinstance(target, (ast.Attribute, ast.Subscript)) for target in parent.targets)
    return isinstance(parent, ast.AugAssign) and parent.target is use
