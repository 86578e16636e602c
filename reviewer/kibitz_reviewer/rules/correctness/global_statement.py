"""Functions that change globals."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Confidence, Finding, Rule, Severity


class GlobalStatement(Rule):
    """Function changes a global variable.

    What it does then depends on who called it before, and threads that call it together overwrite each other's value.

    Return the value, or keep it in an object that is passed on.
    """

    severity = Severity.LOW
    confidence = Confidence.MEDIUM
    cwe = (1108,)
    aliases = ("python/dangerous-global-variables@v1.0",)
    triggers = ("global",)
    noncompliant = (
        """
        count = 0

        def add():
            global count  # finding
            count += 1
        """,
    )
    compliant = (
        """
        LIMIT = 10

        def add(count):
            return min(count + 1, LIMIT)
        """,
        """
        class Counter:
            def __init__(self):
                self.count = 0

            def add(self):
                self.count += 1

        def make():
            total = 0

            def add():
                nonlocal total
                total += 1

            return add
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        stored: dict[ast.AST, set[str]] = {}
        for node in module.nodes(ast.Global):
            around = module.enclosing_function(node)
            if around is None:
                continue
            if around not in stored:
                names_in = module.within(around, ast.Name)
                stored[around] = {n.id for n in names_in if not isinstance(n.ctx, ast.Load)}
            names = [name for name in node.names if name in stored[around]]
            if names:
                yield self.finding(
                    module,
                    node,
                    f"What this does depends on who changed `{names[0]}` before. Return the value, or keep it in an object.",
                )
