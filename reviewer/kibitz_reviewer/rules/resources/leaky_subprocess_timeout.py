"""Processes that outlive their timeout."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Finding, Rule, Severity

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


def _is_ended(module: Module, function: ast.AST, name: str) -> bool:
    """Whether the function ends the process somewhere, or gives it to somebody who may."""
    for use in ast.walk(function):
        if not isinstance(use, ast.Name) or use.id != name or isinstance(use.ctx, ast.Store):
            continue
        parent = module.parent(use)
        if not isinstance(parent, ast.Attribute) or parent.attr in ENDERS:
            return True
    return False
