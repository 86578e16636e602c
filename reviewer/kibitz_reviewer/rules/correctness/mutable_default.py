"""Defaults that remember."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.engines.names import Function
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity

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
_MEANT = re.compile(r"(?i)^_|cache|memo")


class MutableDefault(Rule):
    """Mutable default value is shared by all calls of the function.

    A default is made once, when the function is defined. What one call puts into the list, the next call finds in it.
    A default that the function only reads does no harm and is not reported; one it changes, stores or hands out is.

    A name that says so (`_seen`, `cache`, `memo`) marks one that is meant to remember.

    Default to `None` and make the object inside: `if items is None: items = []`.
    """

    severity = Severity.MEDIUM
    aliases = ("python/default-argument-mutable-objects@v1.0",)
    triggers = ("def",)
    fix = Applicability.SUGGESTED
    fix_title = "Make the object inside the function"
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
        def factorial(n, cache={}):
            if n not in cache:
                cache[n] = n * factorial(n - 1) if n else 1
            return cache[n]
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
                if (
                    _is_mutable(module, default)
                    and not _MEANT.search(argument.arg)
                    and _escapes(module, function, argument.arg)
                ):
                    yield self.finding(
                        module,
                        default,
                        anchor=function,
                        message=f"All calls share this default of `{argument.arg}`. Default to `None` and make the object inside.",
                    )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        """Every plain mutable default of the function becomes None, made anew at the top of its body."""
        if not isinstance(node, cst.FunctionDef) or not isinstance(node.body, cst.IndentedBlock):
            return None
        made: list[cst.BaseStatement] = []
        params = node.params.with_changes(
            params=[_repaired(each, made) for each in node.params.params],
            kwonly_params=[_repaired(each, made) for each in node.params.kwonly_params],
        )
        if not made:
            return None
        body = list(node.body.body)
        at = 1 if node.get_docstring() is not None else 0
        block = node.body.with_changes(body=[*body[:at], *made, *body[at:]])
        return node.with_changes(params=params, body=block)


def _repaired(param: cst.Param, made: list[cst.BaseStatement]) -> cst.Param:
    """``param`` with the default None if it had a mutable one, whose making is added to ``made``."""
    default = param.default
    is_call = (
        isinstance(default, cst.Call) and isinstance(default.func, cst.Name) and default.func.value in MAKERS
    )
    if (
        default is None
        or not (isinstance(default, (cst.List, cst.Dict, cst.Set)) or is_call)
        or _MEANT.search(param.name.value)
    ):
        return param
    empty = cst.Module([])
    name, value = param.name.value, empty.code_for_node(default)
    if "\n" in value:
        return param
    made.append(cst.parse_statement(f"if {name} is None:\n    {name} = {value}\n"))
    annotation = param.annotation
    if annotation is not None and "None" not in empty.code_for_node(annotation.annotation):
        optional = cst.BinaryOperation(annotation.annotation, cst.BitOr(), cst.Name("None"))
        annotation = annotation.with_changes(annotation=optional)
    return param.with_changes(default=cst.Name("None"), annotation=annotation)


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
