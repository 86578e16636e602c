"""Packages that may become others."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import keyword
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Confidence, Finding, Rule, Severity


class UnpinnedDependency(Rule):
    """Program installs a package of no fixed version, or from an index anybody can join.

    What runs then is what somebody published last; with an extra index a public package of the same name goes before one's own.

    Pin versions, and name one index only.
    """

    severity = Severity.MEDIUM
    confidence = Confidence.MEDIUM
    cwe = (1357, 829)
    triggers = ("dependency_links", "--extra-index-url", "--trusted-host")
    noncompliant = (
        """
        from setuptools import setup

        setup(name="shop", install_requires=["requests", "flask>=2"], dependency_links=["http://example.org/simple"])  # finding
        """,
        """
        import subprocess
        import sys

        def install(name):
            subprocess.check_call([sys.executable, "-m", "pip", "install", "--extra-index-url", "https://pypi.example.org", name])  # finding
        """,
    )
    compliant = (
        """
        from setuptools import setup

        setup(name="shop", install_requires=["requests>=2.31,<3"])
        """,
        """
        import subprocess
        import sys

        def install():
            subprocess.check_call([sys.executable, "-m", "pip", "install", "--index-url", "https://pypi.example.org", "shop==1.2"])
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls("setuptools.setup", "distutils.core.setup"):
            if keyword(call, "dependency_links") is not None:
                yield self.finding(
                    module,
                    call,
                    "Anybody who holds that address chooses what is installed. Pin versions on one index.",
                )
        for display in module.nodes(ast.List):
            words = [module.constant(e) for e in display.elts]
            if (
                "pip" in words
                and "install" in words
                and ("--extra-index-url" in words or "--trusted-host" in words)
            ):
                yield self.finding(
                    module,
                    display,
                    "A public package of that name goes before your own. Name one index with `--index-url`.",
                )
