"""Decimals that begin inexact."""

from __future__ import annotations

import ast
import decimal
from collections.abc import Iterator

from kibitz_reviewer.engines.edits import with_value
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity


class DecimalFromFloat(Rule):
    """Decimal is made from a float literal.

    The float has already lost what a decimal is for: `Decimal(0.1)` is 0.1000000000000000055511151231257827.

    Pass the number as text.
    """

    severity = Severity.MEDIUM
    triggers = ("Decimal",)
    fix = Applicability.SUGGESTED
    fix_title = "Pass it as text"
    noncompliant = (
        """
        from decimal import Decimal

        RATE = Decimal(0.19)  # finding
        """,
    )
    compliant = (
        """
        from decimal import Decimal

        RATE = Decimal("0.19")
        """,
        """
        from decimal import Decimal

        def exact(value):
            return Decimal(value), Decimal(3), Decimal(0.5), Decimal(2.0)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls("decimal.Decimal"):
            value = (
                module.constant(call.args[0])
                if call.args and isinstance(call.args[0], ast.Constant)
                else None
            )
            if isinstance(value, float) and decimal.Decimal(value) != decimal.Decimal(repr(value)):
                yield self.finding(
                    module, call, "The float has lost its digits already. Pass the number as text."
                )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call) or not isinstance(node.args[0].value, cst.Float):
            return None
        return with_value(node, node.args[0], f'"{node.args[0].value.value}"')
