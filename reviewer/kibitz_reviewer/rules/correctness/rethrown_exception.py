"""Errors caught to be raised again."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity


class RethrownException(Rule):
    """Error is caught only to be raised again.

    The handler does nothing but hide, from readers, that nothing is handled; raised by its name it also loses where it came from.

    Leave the `try` out, or do something with the error.
    """

    severity = Severity.LOW
    cwe = (755,)
    aliases = ("python/catch-and-rethrow-exception@v1.0",)
    triggers = ("except",)
    fix = Applicability.SAFE
    fix_title = "Leave the handler out"
    noncompliant = (
        """
        def load(path):
            try:
                return open(path).read()
            except OSError:  # finding
                raise
        """,
        """
        def load(path):
            try:
                return open(path).read()
            except OSError as error:  # finding
                raise error
        """,
    )
    compliant = (
        """
        def load(path):
            try:
                return open(path).read()
            except FileNotFoundError:
                raise
            except OSError:
                return ""
        """,
        """
        def load(path):
            try:
                return open(path).read()
            except OSError as error:
                raise ValueError(path) from error
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for node in module.nodes(ast.Try, ast.TryStar):
            # A handler that lets one kind of error past those that follow does have a use.
            last = node.handlers[-1:] if not all(_only_raises(h) for h in node.handlers) else node.handlers
            for handler in last:
                if _only_raises(handler):
                    yield self.finding(
                        module,
                        handler,
                        "Nothing is handled here. Leave the handler out, or do something with the error.",
                    )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.ExceptHandler):
            return None
        around = repair.parent(node)
        if not isinstance(around, cst.Try):
            return None
        kept = [handler for handler in around.handlers if handler is not node]
        if kept or around.finalbody is not None:
            if not kept and around.orelse is not None:
                return None
            repair.replace(around, around.with_changes(handlers=kept))
        elif around.orelse is None and isinstance(around.body, cst.IndentedBlock):
            first, *rest = around.body.body
            if isinstance(first, cst.SimpleStatementLine | cst.BaseCompoundStatement):
                lines = [*around.leading_lines, *first.leading_lines]
                repair.replace(around, cst.FlattenSentinel([first.with_changes(leading_lines=lines), *rest]))
        return None


def _only_raises(handler: ast.ExceptHandler) -> bool:
    """Whether a handler is nothing but ``raise`` or ``raise error``."""
    first = handler.body[0]
    if len(handler.body) != 1 or not isinstance(first, ast.Raise) or first.cause is not None:
        return False
    return first.exc is None or (isinstance(first.exc, ast.Name) and first.exc.id == handler.name)
