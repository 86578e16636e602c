"""Leaving by the wrong door."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Finding, Rule, Severity

NESTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


class ReturnInFinally(Rule):
    """Jump out of `finally` throws away an exception under way.

    A `return`, `break` or `continue` there ends the propagation of whatever was raised, `KeyboardInterrupt` included, and replaces
    the value being returned. The error is gone without a trace; Python 3.14 warns about it.

    Put the jump after the `try` statement, and handle the exceptions you mean to handle in an `except` of their own.
    """

    severity = Severity.MEDIUM
    cwe = (584,)
    aliases = ("python/improper-error-handling@v1.0",)
    triggers = ("finally",)
    noncompliant = (
        """
        def read(file):
            try:
                return file.read()
            finally:
                file.close()
                return None  # finding
        """,
        """
        def drain(queue):
            while True:
                try:
                    queue.pop()
                finally:
                    if not queue:
                        break  # finding
        """,
    )
    compliant = (
        """
        def read(file):
            try:
                return file.read()
            finally:
                file.close()
        """,
        """
        def stop(workers):
            try:
                run(workers)
            finally:
                for worker in workers:
                    if worker.done:
                        continue
                    worker.stop()
        """,
        """
        def stop(register):
            try:
                run()
            finally:
                def later():
                    return None
                register(later)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for node in module.nodes(ast.Try, ast.TryStar):
            for jump in _jumps(node.finalbody, in_loop=False):
                word = type(jump).__name__.lower()
                yield self.finding(
                    module,
                    jump,
                    f"`{word}` in `finally` drops any exception under way. Move it after the `try`.",
                )


def _jumps(body: list[ast.stmt], *, in_loop: bool) -> Iterator[ast.stmt]:
    """Statements that leave ``body`` itself."""
    for statement in body:
        if isinstance(statement, NESTED):
            continue
        if isinstance(statement, ast.Return) or (
            isinstance(statement, (ast.Break, ast.Continue)) and not in_loop
        ):
            yield statement
        inside = in_loop or isinstance(statement, (ast.For, ast.AsyncFor, ast.While))
        for name in ("body", "orelse"):
            block = getattr(statement, name, None)
            if isinstance(block, list):
                yield from _jumps(block, in_loop=inside if name == "body" else in_loop)
        for handler in getattr(statement, "handlers", []):
            yield from _jumps(handler.body, in_loop=in_loop)
        for case in getattr(statement, "cases", []):
            yield from _jumps(case.body, in_loop=in_loop)
