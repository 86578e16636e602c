"""Programs that become root."""

from __future__ import annotations

from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import known
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Finding, Rule, Severity

NAMES = ("setuid", "setgid", "seteuid", "setegid", "setreuid", "setregid", "setresuid", "setresgid")


class RootPrivileges(Rule):
    """Process takes the rights of the superuser.

    From then on each mistake in it is a mistake with all rights.

    Start with the rights that are needed, and only ever give rights up.
    """

    severity = Severity.HIGH
    cwe = (269, 250)
    aliases = ("python/improper-privilege-management@v1.0",)
    triggers = (
        "setuid",
        "setgid",
        "seteuid",
        "setegid",
        "setreuid",
        "setregid",
        "setresuid",
        "setresgid",
        "root",
        "user",
    )
    noncompliant = (
        """
        import os

        def begin():
            os.setuid(0)  # finding
        """,
        """
        import os
        import subprocess

        def begin(command):
            os.seteuid(0)  # finding
            subprocess.run(command, user="root", check=True)  # finding
        """,
    )
    compliant = (
        """
        import os

        def begin():
            os.setgid(1000)
            os.setuid(1000)
        """,
        """
        import os

        def begin(user):
            os.setuid(user.pw_uid)
            return os.getuid() == 0
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls(*(f"os.{name}" for name in NAMES)):
            if any(known(module, given) == 0 and known(module, given) is not False for given in call.args):
                yield self.finding(
                    module, call, "Each mistake now is one with all rights. Give rights up, never take them."
                )
        for call in module.calls(
            "subprocess.run",
            "subprocess.Popen",
            "subprocess.call",
            "subprocess.check_call",
            "subprocess.check_output",
        ):
            if any(
                k.arg in ("user", "group")
                and module.constant(k.value, "") in (0, "root")
                and module.constant(k.value) is not False
                for k in call.keywords
            ):
                yield self.finding(module, call, "This program runs with all rights. Name a user with few.")
