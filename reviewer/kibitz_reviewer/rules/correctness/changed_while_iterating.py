"""Sawing at the branch one sits on."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.edits import code_of
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.engines.loops import loop_around
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity

REMOVES = frozenset(
    {"remove", "pop", "insert", "clear", "discard", "popitem", "popleft", "appendleft", "add", "update"}
)
VIEWS = frozenset({"items", "keys", "values"})


class ChangedWhileIterating(Rule):
    """Collection is changed by the loop that walks over it.

    Removing an item from a list moves the rest up, so that the loop skips the next one. A dictionary or a set that changes size
    under a loop raises `RuntimeError`, but only if the loop goes on.

    Walk over a copy (`for item in list(items)`), or build a new collection: `items = [i for i in items if keep(i)]`.
    """

    severity = Severity.MEDIUM
    aliases = ("python/iterating-sequence-modification@v1.0",)
    triggers = ("for",)
    fix = Applicability.SUGGESTED
    fix_title = "Walk over a copy"
    noncompliant = (
        """
        def prune(items):
            for item in items:
                if item.expired:
                    items.remove(item)  # finding
        """,
        """
        def twins(prices):
            for name, price in prices.items():
                prices[name + "-twin"] = price  # finding
        """,
        """
        def prune(self):
            for key, value in self.cache.items():
                if value is None:
                    del self.cache[key]  # finding
        """,
    )
    compliant = (
        """
        def prune(items):
            for item in list(items):
                if item.expired:
                    items.remove(item)
        """,
        """
        def take_one(items, wanted):
            for item in items:
                if item == wanted:
                    items.remove(item)
                    break
        """,
        """
        def twins(prices):
            for name in list(prices):
                prices[name + "'"] = prices[name]

        def double(prices):
            for name in prices:
                prices[name] = prices[name] * 2
        """,
        """
        def split(items, old):
            for item in items:
                old.remove(item)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for loop in module.nodes(ast.For):
            walked = _walked(loop.iter)
            if walked is None:
                continue
            text = ast.dump(walked).replace("Store()", "Load()")
            for node in module.within(loop, ast.Call, ast.Delete, ast.Assign):
                target = _changed(node) if not isinstance(node, ast.Assign) else _grown(node, loop)
                if target is None or _dump(target) != text or not _goes_on(module, node, loop):
                    continue
                message = (
                    f"The loop walks over `{ast.unparse(walked)}` while this changes it. Walk over a copy."
                )
                yield self.finding(module, node, message)

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        around = repair.parent(node)
        while around is not None and not isinstance(around, cst.For):
            around = repair.parent(around)
        target = repair.target
        changed = _changed(target)
        if around is None or changed is None:
            return None
        walked = around.iter
        inner: cst.BaseExpression = walked
        if (
            isinstance(walked, cst.Call)
            and isinstance(walked.func, cst.Name)
            and walked.func.value == "enumerate"
        ):
            inner = walked.args[0].value
        if ast.unparse(changed) not in (
            code_of(inner),
            code_of(inner).partition(".keys(")[0],
            code_of(inner).partition(".items(")[0],
        ):
            return None
        plain = inner
        if (
            isinstance(inner, cst.Call)
            and isinstance(inner.func, cst.Attribute)
            and inner.func.attr.value == "keys"
        ):
            plain = inner.func.value
        repair.replace(inner, cst.Call(cst.Name("list"), [cst.Arg(plain)]))
        return None


def _walked(node: ast.expr) -> ast.expr | None:
    """The variable a loop walks over, directly or by a view of it."""
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in VIEWS
        and not node.args
    ):
        node = node.func.value
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "enumerate"
        and node.args
    ):
        node = node.args[0]
    if isinstance(node, ast.Name) and node.id in ("self", "cls"):
        return None  # what a class's own iterator walks over, its own methods may well know how to change
    return node if isinstance(node, (ast.Name, ast.Attribute)) else None


def _changed(node: ast.AST) -> ast.expr | None:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in REMOVES:
        return node.func.value
    if isinstance(node, ast.Delete) and isinstance(node.targets[0], ast.Subscript):
        return node.targets[0].value
    return None


def _grown(node: ast.Assign, loop: ast.For) -> ast.expr | None:
    """The dictionary to which ``table[key + "x"] = value`` adds, the key made of what the loop walks over."""
    target = node.targets[0]
    if not isinstance(target, ast.Subscript) or not isinstance(target.slice, ast.JoinedStr | ast.BinOp):
        return None
    names = {n.id for n in ast.walk(loop.target) if isinstance(n, ast.Name)}
    made_of = any(isinstance(n, ast.Name) and n.id in names for n in ast.walk(target.slice))
    is_text = any(isinstance(n, ast.Constant) and isinstance(n.value, str) for n in ast.walk(target.slice))
    return target.value if made_of and is_text else None


def _dump(node: ast.expr) -> str:
    return ast.dump(node).replace("Store()", "Load()").replace("Del()", "Load()")


def _goes_on(module: Module, node: ast.AST, loop: ast.For) -> bool:
    """Whether the loop, unchanged in what it walks over, takes another turn after ``node``."""
    around: ast.AST | None = node
    while around is not None:
        around = loop_around(module, around)
        if around is loop:
            return True
    return False
