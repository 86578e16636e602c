"""Errors without a kind."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Confidence, Finding, Rule, Severity


class RaisedGenericException(Rule):
    """Error is raised as `Exception` itself.

    A caller that wants to handle this error must catch every error, and hides those it did not mean.

    Raise an exception that says what happened: a built-in one that fits (`ValueError`), or one of your own.
    """

    severity = Severity.INFO
    confidence = Confidence.MEDIUM
    cwe = (397,)
    aliases = (
        "python/bad-exception-handling-practices@v1.0",
        "python/do-not-pass-generic-exception-rule@v1.0",
    )
    triggers = ("raise",)
    fix = Applicability.SUGGESTED
    fix_title = "Raise RuntimeError"
    noncompliant = (
        """
        def withdraw(balance, amount):
            if amount > balance:
                raise Exception("not enough")  # finding
            return balance - amount
        """,
        """
        def load(path):
            raise BaseException  # finding
        """,
    )
    compliant = (
        """
        class NotEnoughError(Exception):
            pass

        def withdraw(balance, amount):
            if amount > balance:
                raise NotEnoughError(amount)
            return balance - amount
        """,
        """
        def again(action):
            try:
                action()
            except Exception:
                log()
                raise
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for node in module.nodes(ast.Raise):
            error = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            if error is not None and module.qualified_name(error) in ("Exception", "BaseException"):
                yield self.finding(
                    module,
                    node,
                    "Whoever wants to handle this must catch every error. Raise one that says what happened.",
                )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Raise) or node.exc is None:
            return None
        if isinstance(node.exc, cst.Call):
            return node.with_changes(exc=node.exc.with_changes(func=cst.Name("RuntimeError")))
        return node.with_changes(exc=cst.Name("RuntimeError"))
