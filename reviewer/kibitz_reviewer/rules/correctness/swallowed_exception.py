"""Errors nobody hears of."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.edits import code_of, statement
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Confidence, Finding, Rule, Severity

# Errors that tell of a mistake, where others are a way of asking (a missing key, a file that is gone).
MISTAKES = frozenset(
    {
        "ValueError",
        "TypeError",
        "RuntimeError",
        "ZeroDivisionError",
        "ArithmeticError",
        "AssertionError",
        "NameError",
        "MemoryError",
        "SystemError",
        "OverflowError",
        "EnvironmentError",
        "IOError",
    }
)


class SwallowedException(Rule):
    """Every exception is caught and silently dropped.

    `except Exception: pass` hides the mistakes of this code along with the failure it was written for: a typo and a full disk
    look the same, like success. Reported only if nothing is done and nothing is said, not even in a comment.

    Name the exception you expect, or log what happened (`logger.exception`). If it truly does not matter, write down why.
    """

    severity = Severity.LOW
    cwe = (390, 703)
    aliases = ("python/swallow-exceptions@v1.0", "python/improper-error-handling@v1.0")
    triggers = ("except",)
    fix = Applicability.SUGGESTED
    fix_title = "Log it"
    noncompliant = (
        """
        def save(record, store):
            try:
                store.put(record)
            except Exception:  # finding
                pass
        """,
        """
        def load(paths, read):
            for path in paths:
                try:
                    read(path)
                except:  # finding
                    continue
        """,
    )
    compliant = (
        """
        import os

        def remove(path):
            try:
                os.remove(path)
            except FileNotFoundError:
                pass
        """,
        """
        def notify(listener, log):
            try:
                listener()
            except Exception:
                log.exception("a listener failed")
        """,
        """
        def at_exit(flush):
            try:
                flush()
            except Exception:
                # The interpreter is going down: there is nobody left to tell.
                pass
        """,
        """
        class Handle:
            def __del__(self):
                try:
                    self.close()
                except Exception:
                    pass
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for handler in module.nodes(ast.ExceptHandler):
            if (
                _is_broad(module, handler.type)
                and _does_nothing(handler)
                and not _is_explained(module, handler)
            ):
                yield self.finding(
                    module,
                    handler,
                    "Every error is dropped here without a word. Catch the exception you expect, or log it.",
                )
            elif _is_specific(module, handler) and not _is_explained(module, handler):
                yield self.finding(
                    module,
                    handler,
                    "This error is dropped without a word. Say why in a comment, or log it.",
                    severity=Severity.INFO,
                    confidence=Confidence.LOW,
                )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.ExceptHandler) or not isinstance(node.body, cst.IndentedBlock):
            return None
        repair.add_import("logging")
        log = statement('logging.exception("unexpected error")')
        kept = [line for line in node.body.body if "continue" in code_of(line)]
        return node.with_changes(body=node.body.with_changes(body=[log, *kept]))


def _is_specific(module: Module, handler: ast.ExceptHandler) -> bool:
    """Whether a handler names errors that seldom are a way of asking."""
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    names = {module.qualified_name(kind) or "" for kind in kinds if kind is not None}
    return bool(names) and names <= MISTAKES and all(isinstance(s, ast.Pass) for s in handler.body)


def _is_broad(module: Module, node: ast.expr | None) -> bool:
    if isinstance(node, ast.Tuple):
        return any(_is_broad(module, each) for each in node.elts)
    return node is None or module.qualified_name(node) in ("Exception", "BaseException")


def _does_nothing(handler: ast.ExceptHandler) -> bool:
    return all(
        isinstance(statement, (ast.Pass, ast.Continue))
        or (
            isinstance(statement, ast.Expr)
            and isinstance(statement.value, ast.Constant)
            and statement.value.value is ...
        )
        for statement in handler.body
    )


def _is_explained(module: Module, handler: ast.ExceptHandler) -> bool:
    """Whether a comment says why, or it happens while an object is being torn down."""
    lines = range(handler.lineno, (handler.end_lineno or handler.lineno) + 1)
    # Nothing but `pass` stands on these lines, so a hash sign begins a comment; the examples' own marks explain nothing.
    if any("#" in module.line(line).removesuffix("# finding") for line in lines):
        return True
    function = module.enclosing_function(handler)
    return function is not None and function.name in ("__del__", "__exit__", "__aexit__")
