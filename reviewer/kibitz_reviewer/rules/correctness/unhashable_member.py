"""Members that cannot be."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity


class UnhashableMember(Rule):
    """List, dictionary or set is used as a key or as a member of a set.

    It can be changed, so it has no hash: this raises `TypeError`.

    Use a tuple or a frozenset.
    """

    severity = Severity.HIGH
    triggers = ("{", "[", "set")
    fix = Applicability.SUGGESTED
    fix_title = "Use tuples"
    noncompliant = (
        """
        GROUPS = {["a", "b"]: 1}  # finding
        """,
        """
        def pairs(a, b):
            return {[a, b], [b, a]}  # finding
        """,
    )
    compliant = (
        """
        GROUPS = {("a", "b"): 1, frozenset({"c"}): 2}
        """,
        """
        def pairs(a, b):
            return {(a, b), (b, a)}, {a: [b]}, [{a}]
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for node in module.nodes(ast.Dict, ast.Set):
            members = node.keys if isinstance(node, ast.Dict) else node.elts
            for member in members:
                if isinstance(member, CHANGEABLE):
                    yield self.finding(
                        module, node, "This can be changed, so it has no hash. Use a tuple or a frozenset."
                    )
                    break

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if isinstance(node, cst.Set):
            members = [e.with_changes(value=_as_tuple(e.value)) for e in node.elements]
            return node.with_changes(elements=members)
        if isinstance(node, cst.Dict):
            pairs = [
                e.with_changes(key=_as_tuple(e.key)) if isinstance(e, cst.DictElement) else e
                for e in node.elements
            ]
            return node.with_changes(elements=pairs)
        return None


CHANGEABLE = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)


def _as_tuple(node: cst.BaseExpression) -> cst.BaseExpression:
    """A list written out as a tuple; anything else as it is."""
    if not isinstance(node, cst.List):
        return node
    elements = list(node.elements)
    if len(elements) == 1:
        elements = [elements[0].with_changes(comma=cst.Comma())]
    return cst.Tuple(elements, lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
