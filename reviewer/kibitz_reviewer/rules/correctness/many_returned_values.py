"""Answers in so many parts."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Confidence, Finding, Rule, Severity

LIMIT = 3


class ManyReturnedValues(Rule):
    """Function returns so many values that their order is easily mistaken.

    A caller that takes two of them for each other is not told; a value that is added breaks every caller.

    Return a dataclass or a named tuple.
    """

    severity = Severity.LOW
    confidence = Confidence.MEDIUM
    aliases = ("python/multiple-values-in-return@v1.0",)
    triggers = ("return",)
    noncompliant = (
        """
        def measure(box):
            return box.width, box.height, box.depth, box.weight  # finding
        """,
    )
    compliant = (
        """
        from typing import NamedTuple

        class Size(NamedTuple):
            width: int
            height: int
            depth: int
            weight: int

        def measure(box):
            return Size(box.width, box.height, box.depth, box.weight)
        """,
        """
        def bounds(values):
            return min(values), max(values)

        def version():
            return 3, 11, 7, 0
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for node in module.nodes(ast.Return):
            value = node.value
            if (
                isinstance(value, ast.Tuple)
                and len(value.elts) > LIMIT
                and not any(isinstance(e, ast.Starred) for e in value.elts)
            ):
                if not all(isinstance(e, ast.Constant | ast.UnaryOp) for e in value.elts):
                    yield self.finding(
                        module,
                        node,
                        f"{len(value.elts)} values are easily taken for each other. Return a dataclass or a named tuple.",
                    )
