"""`is` where `==` is meant."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity


class IdentityOfLiteral(Rule):
    """Value is compared with a literal by identity.

    `is` asks whether two names mean the same object. Whether equal numbers or strings are one object is up to the
    interpreter: the answer differs between versions, and between small and large values.

    Compare values with `==` and `!=`. Keep `is` for `None`, `True`, `False` and objects made to be unique.
    """

    severity = Severity.MEDIUM
    cwe = (595,)
    aliases = ("python/equality-vs-identity@v1.0",)
    triggers = ("is",)
    fix = Applicability.SAFE
    fix_title = "Compare with =="
    noncompliant = (
        """
        def label(count, name):
            if count is 0:  # finding
                return "none"
            return name is not "anonymous"  # finding
        """,
        """
        def is_origin(point):
            return point is (0, 0)  # finding
        """,
    )
    compliant = (
        """
        def label(count, name):
            return count == 0 or name is None or name is True or name is ...
        """,
        """
        _MISSING = object()

        def get(value):
            return value is _MISSING
        """,
        """
        EMPTY = ()

        def is_same(node, other):
            return node is other or node is EMPTY
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for compare in module.nodes(ast.Compare):
            sides = [compare.left, *compare.comparators]
            for operator, left, right in zip(compare.ops, sides, sides[1:], strict=False):
                if isinstance(operator, (ast.Is, ast.IsNot)) and (_is_literal(left) or _is_literal(right)):
                    equal = "==" if isinstance(operator, ast.Is) else "!="
                    message = f"Equal literals need not be the same object. Compare with `{equal}`."
                    yield self.finding(module, compare, message)
                    break

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Comparison) or len(node.comparisons) != 1:
            return None
        target = node.comparisons[0]
        operator = cst.Equal() if isinstance(target.operator, cst.Is) else cst.NotEqual()
        return node.with_changes(comparisons=[target.with_changes(operator=operator)])


def _is_literal(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.operand, ast.Constant)
    if isinstance(node, ast.Constant):
        return isinstance(node.value, (str, bytes, int, float, complex)) and not isinstance(node.value, bool)
    return isinstance(node, (ast.Tuple, ast.List, ast.Dict, ast.Set, ast.JoinedStr))
