"""Loops for one item."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.edits import code_of, parsed
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Confidence, Finding, Rule, Severity


class NeedlessIteration(Rule):
    """Loop goes through everything to do what one call does.

    It builds lists nobody keeps, or goes on after the answer is known.

    Use `next`, `any`, `in`, or take the first item.
    """

    severity = Severity.INFO
    confidence = Confidence.MEDIUM
    cwe = (1176,)
    aliases = ("python/unnecessary-iteration@v1.0",)
    fix = Applicability.SUGGESTED
    fix_title = "Stop at the first"
    noncompliant = (
        """
        def first(items):
            return list(items)[0]  # finding
        """,
        """
        def has(items, wanted):
            return wanted in [item.name for item in items], any([item.open for item in items])  # finding
        """,
        """
        def first_key(table):
            for key in table:  # finding
                return key
        """,
        """
        def count(items):
            return len([item for item in items if item.open]) > 0  # finding
        """,
    )
    compliant = (
        """
        def first(items):
            return next(iter(items))
        """,
        """
        def has(items, wanted):
            names = [item.name for item in items]
            return wanted in names, any(item.open for item in items), names[0]
        """,
        """
        def first_open(items):
            for item in items:
                if item.open:
                    return item
            return None
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        said: set[int] = set()
        for node, message in self._found(module):
            line = getattr(node, "lineno", 0)
            if line not in said:
                said.add(line)
                yield self.finding(module, node, message)

    def _found(self, module: Module) -> Iterator[tuple[ast.AST, str]]:
        for part in module.nodes(ast.Subscript):
            made = part.value
            if (
                isinstance(made, ast.Call)
                and module.qualified_name(made.func) == "list"
                and len(made.args) == 1
                and module.constant(part.slice, None) == 0
                and isinstance(part.ctx, ast.Load)
            ):
                yield part, "The whole list is made for its first item. Use `next(iter(...))`."
            elif isinstance(made, ast.ListComp) and module.constant(part.slice, None) == 0:
                yield part, "All items are worked out for the first. Use `next(...)`."
        for test in module.nodes(ast.Compare):
            right = test.comparators[0]
            if isinstance(test.ops[0], ast.In | ast.NotIn) and isinstance(right, ast.ListComp):
                yield test, "A list is made to be searched once. Use `any(...)`."
            elif (
                isinstance(test.left, ast.Call)
                and module.qualified_name(test.left.func) == "len"
                and test.left.args
                and isinstance(test.left.args[0], ast.ListComp)
                and module.constant(right, None) in (0, 1)
            ):
                yield test, "A list is made to be counted. Use `any(...)`."
        for call in module.calls("any", "all"):
            if len(call.args) == 1 and isinstance(call.args[0], ast.ListComp):
                yield call, "All items are worked out before the first is looked at. Leave the brackets out."
        for loop in module.nodes(ast.For):
            if _searches_key(loop):
                yield loop, "A dictionary finds a key at once. Use `get` or `[]`."
            if len(loop.body) == 1 and isinstance(loop.body[0], ast.Return | ast.Break) and not loop.orelse:
                yield loop, "This loop never turns twice. Use `next(iter(...))`."

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if (
            isinstance(node, cst.Subscript)
            and isinstance(made := node.value, cst.Call)
            and len(made.args) == 1
        ):
            return parsed(f"next(iter({code_of(made.args[0].value)}))")
        if isinstance(node, cst.Subscript) and isinstance(listed := node.value, cst.ListComp):
            return parsed(f"next({code_of(listed)[1:-1]})") if not listed.lpar else None
        if (
            isinstance(node, cst.Call)
            and len(node.args) == 1
            and isinstance(listed := node.args[0].value, cst.ListComp)
        ):
            return node.with_deep_changes(
                node.args[0], value=cst.GeneratorExp(listed.elt, listed.for_in, lpar=[], rpar=[])
            )
        return None


def _searches_key(loop: ast.For) -> bool:
    """``for key, value in table.items(): if key == wanted: return value``."""
    target, source = loop.target, loop.iter
    is_items = (
        isinstance(source, ast.Call)
        and isinstance(source.func, ast.Attribute)
        and source.func.attr == "items"
    )
    if not is_items or not isinstance(target, ast.Tuple) or len(loop.body) != 1:
        return False
    test = loop.body[0]
    if not isinstance(test, ast.If) or test.orelse or not isinstance(test.body[-1], ast.Return | ast.Break):
        return False
    key = target.elts[0]
    compared = test.test
    return (
        isinstance(compared, ast.Compare)
        and len(compared.ops) == 1
        and isinstance(compared.ops[0], ast.Eq)
        and isinstance(key, ast.Name)
        and key.id in (ast.unparse(compared.left), ast.unparse(compared.comparators[0]))
    )
