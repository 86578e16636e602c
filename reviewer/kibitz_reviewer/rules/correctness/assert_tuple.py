"""Assertions that always hold."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import method
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity


class AssertTuple(Rule):
    """Assertion is always true, or has an effect that `-O` takes away.

    A tuple is true however its parts are; and with `python -O` no assertion runs, so what it does besides asking is not done.

    Leave the brackets out, and do what has an effect before.
    """

    severity = Severity.MEDIUM
    cwe = (617,)
    triggers = ("assert",)
    fix = Applicability.SUGGESTED
    fix_title = "Leave the brackets out"
    noncompliant = (
        """
        def check(value):
            assert (value > 0, "must be positive")  # finding
        """,
        """
        def take(queue, items):
            assert queue.pop() == 1  # finding
            assert items.append(1) is None  # finding
        """,
    )
    compliant = (
        """
        def check(value):
            assert value > 0, "must be positive"
        """,
        """
        def take(queue):
            assert (queue.first(), queue.last()) == (1, 2)
            assert queue.get("a") == 1
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for node in module.nodes(ast.Assert):
            if isinstance(node.test, ast.Tuple) and node.test.elts:
                yield self.finding(module, node, "A tuple is always true. Leave the brackets out.")
            elif not re.search(r"(?:^|/)(?:tests?/|test_|conftest)", module.path):
                for call in [n for n in ast.walk(node.test) if isinstance(n, ast.Call)]:
                    if method(call) in (
                        "pop",
                        "append",
                        "remove",
                        "popitem",
                        "extend",
                        "insert",
                        "discard",
                        "popleft",
                    ):
                        yield self.finding(
                            module, node, "With `python -O` this is not done. Do it before the assertion."
                        )
                        break

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if (
            not isinstance(node, cst.Assert)
            or not isinstance(node.test, cst.Tuple)
            or len(node.test.elements) != 2
        ):
            return None
        test, message = (element.value for element in node.test.elements)
        space = cst.SimpleWhitespace(" ")
        return node.with_changes(
            test=test, msg=message, comma=cst.Comma(whitespace_after=space), whitespace_after_assert=space
        )
