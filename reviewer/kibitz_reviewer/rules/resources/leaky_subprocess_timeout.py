"""Processes that outlive their timeout."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.edits import code_of, statement
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity

ENDERS = frozenset({"kill", "terminate", "send_signal"})


class LeakySubprocessTimeout(Rule):
    """Process is left running after its timeout.

    `Popen.communicate(timeout=...)` raises `TimeoutExpired` and leaves the process as it is: it goes on running, holds its pipes,
    and becomes a zombie when it ends.

    On `TimeoutExpired` call `kill()` and then `communicate()` once more; `subprocess.run(..., timeout=...)` does both.
    """

    severity = Severity.MEDIUM
    cwe = (404,)
    aliases = ("python/leaky-subprocess-timeout@v1.0",)
    triggers = ("Popen",)
    fix = Applicability.SUGGESTED
    fix_title = "End the process after the timeout"
    noncompliant = (
        """
        import subprocess

        def convert(path):
            process = subprocess.Popen(["convert", path], stdout=subprocess.PIPE)
            try:
                return process.communicate(timeout=30)[0]  # finding
            except subprocess.TimeoutExpired:
                return None
        """,
        """
        from subprocess import Popen

        def wait(command):
            child = Popen(command)
            return child.wait(timeout=5)  # finding
        """,
    )
    compliant = (
        """
        import subprocess

        def convert(path):
            process = subprocess.Popen(["convert", path], stdout=subprocess.PIPE)
            try:
                return process.communicate(timeout=30)[0]
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                return None
        """,
        """
        import subprocess

        def convert(path):
            return subprocess.run(["convert", path], timeout=30, check=True)
        """,
        """
        import subprocess

        def start(path, stop):
            process = subprocess.Popen(["convert", path])
            try:
                process.wait(timeout=1)
            except subprocess.TimeoutExpired:
                stop(process)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls("subprocess.Popen().communicate", "subprocess.Popen().wait"):
            function = module.enclosing_function(call)
            receiver = call.func.value if isinstance(call.func, ast.Attribute) else None
            timeout = next((keyword.value for keyword in call.keywords if keyword.arg == "timeout"), None)
            if (
                function is None
                or timeout is None
                or not isinstance(receiver, ast.Name)
                or module.constant(timeout, 0) is None
            ):
                continue
            if not _is_ended(module, function, receiver.id):
                yield self.finding(
                    module,
                    call,
                    "After a timeout the process goes on running. Call `kill()`, then wait for it.",
                )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call) or not isinstance(node.func, cst.Attribute):
            return None
        around: cst.CSTNode | None = node
        while around is not None and not isinstance(around, cst.Try | cst.FunctionDef):
            around = repair.parent(around)
        for handler in around.handlers if isinstance(around, cst.Try) else ():
            if handler.type is None or "TimeoutExpired" not in code_of(handler.type):
                continue
            if isinstance(handler.body, cst.IndentedBlock):
                name = code_of(node.func.value)
                ends = [statement(f"{name}.kill()\n"), statement(f"{name}.wait()\n")]
                first = handler.body.body[0]
                is_pass = isinstance(first, cst.SimpleStatementLine) and isinstance(first.body[0], cst.Pass)
                repair.replace(first, cst.FlattenSentinel(ends if is_pass else [*ends, first]))
            break
        return None


def _is_ended(module: Module, function: ast.AST, name: str) -> bool:
    """Whether the function ends the process somewhere, or gives it to somebody who may."""
    for use in ast.walk(function):
        if not isinstance(use, ast.Name) or use.id != name or isinstance(use.ctx, ast.Store):
            continue
        parent = module.parent(use)
        if not isinstance(parent, ast.Attribute) or parent.attr in ENDERS:
            return True
    return False
