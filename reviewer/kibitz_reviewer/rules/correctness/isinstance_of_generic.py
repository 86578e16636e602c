"""Types that cannot be asked for."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity


class IsinstanceOfGeneric(Rule):
    """Object is compared with a type that has parameters, such as `list[int]`.

    `isinstance` and `issubclass` raise `TypeError` for it: what a list holds is not known at run time.

    Ask for the plain type, and look at the elements where they matter.
    """

    severity = Severity.HIGH
    triggers = ("isinstance", "issubclass")
    fix = Applicability.SUGGESTED
    fix_title = "Ask for the plain type"
    noncompliant = (
        """
        def total(values):
            if isinstance(values, list[int]):  # finding
                return sum(values)
        """,
        """
        from typing import Dict

        def is_table(value):
            return isinstance(value, (str, Dict[str, int]))  # finding
        """,
    )
    compliant = (
        """
        def total(values):
            if isinstance(values, list) and all(isinstance(v, int) for v in values):
                return sum(values)
        """,
        """
        KINDS = {"text": str}

        def is_kind(value, kind):
            return isinstance(value, KINDS[kind]) or isinstance(value, int | str)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls("isinstance", "issubclass"):
            if len(call.args) != 2:
                continue
            kinds = call.args[1].elts if isinstance(call.args[1], ast.Tuple) else [call.args[1]]
            for kind in kinds:
                name = module.qualified_name(kind.value) if isinstance(kind, ast.Subscript) else None
                if name in GENERIC or (name or "").startswith(("typing.", "collections.abc.")):
                    yield self.finding(
                        module, call, "This raises an error: ask for the type without its parameters."
                    )
                    break

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call) or len(node.args) != 2:
            return None
        kinds = node.args[1].value
        if isinstance(kinds, cst.Tuple):
            plain = [e.with_changes(value=_without_parameters(e.value)) for e in kinds.elements]
            return node.with_deep_changes(node.args[1], value=kinds.with_changes(elements=plain))
        return node.with_deep_changes(node.args[1], value=_without_parameters(kinds))


GENERIC = frozenset(
    {"list", "dict", "set", "tuple", "frozenset", "type", "collections.deque", "collections.defaultdict"}
)


def _without_parameters(node: cst.BaseExpression) -> cst.BaseExpression:
    return node.value if isinstance(node, cst.Subscript) else node
