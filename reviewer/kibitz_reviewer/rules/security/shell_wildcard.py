"""Files whose names are options."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import argument, is_true, keyword
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.text import text_of
from kibitz_reviewer.rule import Finding, Rule, Severity


class ShellWildcard(Rule):
    """Shell command hands a wildcard to a program that takes options.

    A file may be called `--reference=other` or `--checkpoint-action=exec=sh`: the shell puts it among the arguments, and the program
    takes it for an option.

    Write `./*`, or `--` before the wildcard, or list the files with `glob` and start the program without a shell.
    """

    severity = Severity.HIGH
    cwe = (155, 78)
    aliases = ("python/improper-wildcard-sanitization@v1.0",)
    triggers = ("*",)
    noncompliant = (
        """
        import os
        import subprocess

        def share():
            os.system("chmod 644 *")  # finding
            subprocess.run("cd /srv && tar czf backup.tgz *", shell=True, check=True)  # finding
        """,
    )
    compliant = (
        """
        import os
        import subprocess

        def share():
            os.system("chmod 644 ./*")
            subprocess.run("cd /srv && tar czf backup.tgz -- *", shell=True, check=True)
        """,
        """
        import subprocess

        def show():
            subprocess.run("ls *", shell=True, check=True)
            subprocess.run(["chmod", "644", "*"], check=True)
            print("chmod 644 *")
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls(*SHELLS, *STARTERS):
            if module.qualified_name(call.func) in STARTERS and not is_true(module, keyword(call, "shell")):
                continue
            command = argument(call, 0, "args", "cmd", "command")
            text = text_of(module, command).literal if command is not None else ""
            if any(_is_open(part) for part in re.split(r"&&|[|;]+", text)):
                yield self.finding(
                    module,
                    call,
                    "A file's name may be taken for an option. Write `./*`, or `--` before the wildcard.",
                )


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
PROGRAM = re.compile(r"\s*(?:sudo\s+)?(?:[\w/.-]*/)?(?:chown|chmod|chgrp|tar|rsync|cp|mv|rm|zip|7z|scp)\s")
WILDCARD = re.compile(r"(?<!\S)\*")


def _is_open(command: str) -> bool:
    """Whether a bare wildcard stands among the arguments of a program whose options can do harm."""
    match = WILDCARD.search(command)
    return bool(PROGRAM.match(command)) and match is not None and " -- " not in command[: match.start()]
