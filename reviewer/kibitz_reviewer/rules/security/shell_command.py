"""Commands given to a shell."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.engines.shell_fix import without_shell
from kibitz_reviewer.engines.text import Text, text_of
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Confidence, Finding, Rule, Severity

SHELLS = (
    "os.system",
    "os.popen",
    "subprocess.getoutput",
    "subprocess.getstatusoutput",
    "asyncio.create_subprocess_shell",
)
STARTERS = (
    "subprocess.run",
    "subprocess.call",
    "subprocess.check_call",
    "subprocess.check_output",
    "subprocess.Popen",
)


class ShellCommand(Rule):
    """Shell runs a command that is put together at run time.

    A shell gives meaning to `;`, `|`, `$(...)` and spaces. If any part of the command comes from elsewhere, whoever wrote that part
    can run commands of their own, and even friendly file names with a space in them break it.

    Pass a list of arguments to `subprocess.run` without `shell=True`, so that no shell is involved; where one is needed,
    quote every part with `shlex.quote`.
    """

    severity = Severity.HIGH
    cwe = (78,)
    aliases = ("python/os-command-injection@v1.0",)
    triggers = ("os", "subprocess", "asyncio")
    fix = Applicability.SUGGESTED
    fix_title = "Pass a list of arguments, without a shell"
    noncompliant = (
        """
        import os

        def ping(host):
            os.system("ping -c 1 " + host)  # finding
        """,
        """
        import subprocess

        def archive(folder):
            command = f"tar czf backup.tgz {folder}"
            return subprocess.run(command, shell=True, check=True)  # finding
        """,
    )
    compliant = (
        """
        import subprocess

        def ping(host):
            subprocess.run(["ping", "-c", "1", host], check=True)
        """,
        """
        import os
        import subprocess

        def list_files():
            os.system("ls -l")
            return subprocess.check_output("ls | wc -l", shell=True)
        """,
        """
        import shlex
        import subprocess

        def count(path):
            return subprocess.check_output(f"grep -c x {shlex.quote(path)} | sort", shell=True)
        """,
        """
        import subprocess

        def compile_all(jobs: int):
            subprocess.run(f"make -j {jobs}", shell=True, check=True)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls(*SHELLS, *STARTERS):
            if module.qualified_name(call.func) in STARTERS and not _wants_shell(module, call):
                continue
            command = (
                call.args[0]
                if call.args
                else _keyword(call, "args") or _keyword(call, "cmd") or _keyword(call, "command")
            )
            if command is None or module.is_harmless("shell", call):
                continue
            text = _first(module, command)
            if text.holes:
                yield self.finding(
                    module,
                    call,
                    "A shell runs this command, and part of it is only known at run time. Pass a list of arguments without a shell.",
                    confidence=Confidence.HIGH if text.built else Confidence.MEDIUM,
                )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        return without_shell(node, repair)


def _first(module: Module, command: ast.expr) -> Text:
    """The text a shell would read: of a list it is the first element, the rest being the shell's own arguments."""
    value = module.value_of(command)
    if isinstance(value, (ast.List, ast.Tuple)):
        return text_of(module, value.elts[0]) if value.elts else Text()
    return text_of(module, command)


def _wants_shell(module: Module, call: ast.Call) -> bool:
    return module.constant(_keyword(call, "shell")) is True


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)
