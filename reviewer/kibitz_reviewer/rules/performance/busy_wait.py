"""Waiting at full speed."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Finding, Rule, Severity


class BusyWait(Rule):
    """Loop waits for something by asking again and again without a pause.

    It takes a whole core while nothing happens, and takes it from whoever is to make it happen.

    Wait on an event or a condition with a timeout, or sleep between two looks.
    """

    severity = Severity.MEDIUM
    triggers = ("while",)
    noncompliant = (
        """
        def wait(job):
            while not job.done:  # finding
                pass
        """,
        """
        def drain(queue):
            while queue.empty():  # finding
                continue
        """,
    )
    compliant = (
        """
        import time

        def wait(job):
            while not job.done:
                time.sleep(0.1)
        """,
        """
        def skip(stream):
            while stream.read(1) == " ":
                pass
        """,
        """
        def wait(event):
            while not event.wait(1):
                pass
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for loop in module.nodes(ast.While):
            if all(isinstance(s, ast.Pass | ast.Continue) for s in loop.body) and _only_asks(loop.test):
                yield self.finding(
                    module,
                    loop,
                    "This loop takes a whole core to wait. Wait on an event, or sleep in between.",
                )


ASKING = frozenset(
    {"empty", "full", "is_set", "is_alive", "done", "locked", "exists", "is_file", "poll", "running"}
)


def _only_asks(test: ast.expr) -> bool:
    """Whether a condition only looks at a state that somebody else changes."""
    if isinstance(test, ast.UnaryOp):
        return _only_asks(test.operand)
    if isinstance(test, ast.Compare):
        return all(
            _only_asks(side) or isinstance(side, ast.Constant) for side in (test.left, *test.comparators)
        )
    if isinstance(test, ast.Call):
        return isinstance(test.func, ast.Attribute) and test.func.attr in ASKING and not test.args
    return isinstance(test, ast.Attribute | ast.Name)
