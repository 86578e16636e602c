"""Expressions that hide what they do."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.names import COMPREHENSIONS, FUNCTIONS
from kibitz_reviewer.rule import Confidence, Finding, Rule, Severity

DEPTH = 5
NESTING = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.With, ast.AsyncWith)


class HardToRead(Rule):
    """Expression does so much at once that readers have to take it apart.

    What is hard to read is changed wrongly: nested comprehensions, conditions within conditions, slices with three parts.

    Give the parts names, or write the loop.
    """

    severity = Severity.LOW
    confidence = Confidence.MEDIUM
    cwe = (1121,)
    aliases = ("python/code-readability@v1.0",)
    noncompliant = (
        """
        def flat(table, skip):
            return [cell for row in table if row for cell in row if cell for part in cell if part not in skip]  # finding
        """,
        """
        def kind(n):
            return "a" if n < 1 else "b" if n < 2 else "c" if n < 3 else "d"  # finding
        """,
        """
        def every_third_back(items, start, end):
            return items[end - 1 : start + 1 : -3]  # finding
        """,
        """
        def decide(user, order, shop):  # finding
            if user.known:
                if order.open:
                    for item in order.items:
                        if item.price > 0:
                            while item.left:
                                if shop.has(item):
                                    return True
            return False
        """,
    )
    compliant = (
        """
        def flat(table):
            return [cell for row in table for cell in row if cell]
        """,
        """
        def kind(n, items):
            if n < 1:
                return "a"
            return "b" if n < 2 else items[1:-1]

        def back(items):
            return items[::-1], items[::2], items[1:10:2]
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for node in module.nodes(*COMPREHENSIONS):
            conditions = sum(len(generator.ifs) for generator in node.generators)
            if len(node.generators) > 2 or len(node.generators) + conditions > 4:
                yield self.finding(
                    module, node, "This does too much at once. Write the loop, or give the parts names."
                )
        for node in module.nodes(ast.IfExp):
            if (
                isinstance(node.orelse, ast.IfExp)
                and isinstance(node.orelse.orelse, ast.IfExp)
                and not isinstance(module.parent(node), ast.IfExp)
            ):
                yield self.finding(
                    module, node, "Conditions within conditions are hard to follow. Write `if` and `return`."
                )
        for node in module.nodes(ast.Slice):
            parts = [p for p in (node.lower, node.upper, node.step) if p is not None]
            if len(parts) == 3 and any(isinstance(p, ast.BinOp) for p in parts):
                around = module.parent(node)
                yield self.finding(
                    module,
                    around if around is not None else node,
                    "A slice of three computed parts is hard to follow. Give its bounds names, and step apart.",
                )
        for function in module.nodes(*FUNCTIONS):
            if _depth(function.body) > DEPTH:
                yield self.finding(
                    module,
                    function,
                    "It nests so deeply that no one can hold it in mind. Return early, or split it.",
                )


def _depth(body: list[ast.stmt]) -> int:
    """How deep the blocks of a function nest; an ``elif`` does not count."""
    deepest = 0
    for statement in body:
        if not isinstance(statement, NESTING):
            continue
        counts = 0 if isinstance(statement, ast.With | ast.AsyncWith) else 1
        blocks = [statement.body]
        orelse = getattr(statement, "orelse", [])
        is_elif = isinstance(statement, ast.If) and len(orelse) == 1 and isinstance(orelse[0], ast.If)
        blocks += [] if is_elif else [orelse]
        blocks += [h.body for h in getattr(statement, "handlers", [])]
        inner = max(_depth(block) for block in blocks)
        deepest = max(deepest, counts + inner, _depth(orelse) if is_elif else 0)
    return deepest
