"""Handlers for every error there is."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Confidence, Finding, Rule, Severity

# Shown on a screen nobody may look at: that is not handling.
SHOWS = ("print", "str", "repr", "type")


class CaughtEverything(Rule):
    """Handler catches errors nobody meant it to.

    `except:` and `except BaseException:` also catch the request to stop, and mistyped names: the program goes on when it should
    not, and the mistake stays hidden.

    Name the errors that are expected here.
    """

    severity = Severity.LOW
    confidence = Confidence.MEDIUM
    cwe = (396, 703)
    aliases = ("python/do-not-pass-generic-exception-rule@v1.0", "python/improper-error-handling@v1.0")
    triggers = ("except",)
    noncompliant = (
        """
        def read(path):
            try:
                return open(path).read()
            except:  # finding
                return None
        """,
        """
        def run(job):
            try:
                job()
            except BaseException as error:  # finding
                print("failed", error)
        """,
        """
        def parse(text):
            try:
                return int(text)
            except Exception:  # finding
                return 0
        """,
    )
    compliant = (
        """
        def read(path):
            try:
                return open(path).read()
            except (OSError, UnicodeDecodeError):
                return None
        """,
        """
        import logging

        def run(job):
            try:
                job()
            except Exception:
                logging.exception("job failed")
            try:
                job()
            except BaseException:
                undo()
                raise
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for handler in module.nodes(ast.ExceptHandler):
            kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
            names = {module.qualified_name(kind) if kind is not None else "BaseException" for kind in kinds}
            if not names & {"BaseException", "Exception"} or any(
                isinstance(n, ast.Raise) for n in ast.walk(handler)
            ):
                continue
            if "BaseException" in names or not self._handles(handler):
                yield self.finding(
                    module,
                    handler,
                    "This also catches what nobody meant: mistakes, and the request to stop. Name the errors.",
                )

    def _handles(self, handler: ast.ExceptHandler) -> bool:
        """Whether the error is at least told to somebody."""
        if all(isinstance(s, ast.Pass) for s in handler.body):
            return True  # said by swallowed-exception
        calls = [n for s in handler.body for n in ast.walk(s) if isinstance(n, ast.Call)]
        if calls and all(isinstance(c.func, ast.Name) and c.func.id in SHOWS for c in calls):
            return False
        uses = (
            any(isinstance(n, ast.Name) and n.id == handler.name for s in handler.body for n in ast.walk(s))
            if handler.name
            else False
        )
        return uses or any(isinstance(n, ast.Call) for s in handler.body for n in ast.walk(s))
