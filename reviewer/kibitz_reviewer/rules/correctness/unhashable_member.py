"""Members that cannot be."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Finding, Rule, Severity


class UnhashableMember(Rule):
    """List, dictionary or set is used as a key or as a member of a set.

    It can be changed, so it has no hash: this raises `TypeError`.

    Use a tuple or a frozenset.
    """

    severity = Severity.HIGH
    triggers = ("{", "[", "set")
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


CHANGEABLE = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
