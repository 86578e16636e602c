"""Packages that may become others."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from kibitz_reviewer.engines.arguments import keyword
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.manifest import Manifest, Requirement
from kibitz_reviewer.rule import Confidence, Finding, Rule, Severity


class UnpinnedDependency(Rule):
    """Program installs a package of no fixed version, or from an index anybody can join.

    What runs then is what somebody published last; with an extra index a public package of the same name goes before one's own.
    Requirements files and pyproject.toml are read too: once in each is told what may become any version, unless a lock file
    lies beside it or the file is one for tests, tools or documentation.

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

    def check_manifest(self, manifest: Manifest) -> Iterator[Finding]:
        yield from self._indexes(manifest)
        yield from self._versions(manifest)

    def _indexes(self, manifest: Manifest) -> Iterator[Finding]:
        for line, option, value in manifest.options:
            if option == "--extra-index-url":
                yield manifest.finding(self, line, CONFUSED)
            elif option == "--trusted-host" or (
                option in ("--index-url", "-i", "--find-links", "-f") and value.startswith("http:")
            ):
                yield manifest.finding(self, line, UNCHECKED)
        tool = manifest.table.get("tool")
        for line, message in _tables(tool, manifest) if isinstance(tool, dict) else ():
            yield manifest.finding(self, line, message)

    def _versions(self, manifest: Manifest) -> Iterator[Finding]:
        bounded_elsewhere = any(option in ("-c", "--constraint") for _, option, _ in manifest.options)
        if manifest.is_locked or bounded_elsewhere or _ASIDE.search(manifest.path):
            return
        is_library = bool(manifest.table)
        moving = [one for one in manifest.requirements if one.url and _moves(one)]
        for one in moving:
            yield manifest.finding(
                self, one.line, "What is at that address may change. Name a commit, or a file with its hash."
            )
        # A library leaves the choice to who installs it: only what it says nothing of at all is worth a word.
        loose = [
            one
            for one in manifest.requirements
            if not one.url and not one.is_hashed and _is_open(one, is_library)
        ]
        if loose:
            more = f" and {len(loose) - 1} more" if len(loose) > 1 else ""
            yield manifest.finding(
                self,
                loose[0].line,
                f"`{loose[0].name}`{more} may become any version that is published. Say which, or keep a lock file.",
                confidence=Confidence.LOW if is_library else Confidence.MEDIUM,
            )


CONFUSED = "A public package of that name goes before your own. Name one index."
UNCHECKED = "Who is in between chooses what is installed. Use https, and trust no host unseen."
_ASIDE = re.compile(
    r"(?i)(?:^|[/_.-])(?:dev|tests?|testing|docs?|lint|examples?|tools?|build|ci)(?:[/_.-]|$)"
)
_COMMIT = re.compile(r"@[0-9a-f]{40}\b|(?:sha\d+|md5)=[0-9a-f]+")


def _moves(one: Requirement) -> bool:
    return not one.is_hashed and not one.url.startswith("file:") and _COMMIT.search(one.url) is None


def _is_open(one: Requirement, is_library: bool) -> bool:
    return not one.versions if is_library else not any(sign in one.versions for sign in ("==", "~=", "<"))


def _tables(tool: dict[str, Any], manifest: Manifest) -> Iterator[tuple[int, str]]:
    """(line, message) of the indexes that uv, Poetry and PDM are told to use."""
    uv = tool.get("uv")
    for table in (uv, uv.get("pip") if isinstance(uv, dict) else None):
        if isinstance(table, dict) and str(table.get("index-strategy", "")).startswith("unsafe"):
            yield manifest.line_of("index-strategy"), CONFUSED
    for name, key in (("uv", "index"), ("poetry", "source"), ("pdm", "source")):
        section = tool.get(name)
        sources = section.get(key) if isinstance(section, dict) else None
        for source in sources if isinstance(sources, list) else ():
            if not isinstance(source, dict):
                continue
            url = str(source.get("url", ""))
            line = manifest.line_of(url) if url else 1
            if url.startswith("http:") or source.get("verify_ssl") is False:
                yield line, UNCHECKED
            elif source.get("secondary") is True or source.get("priority") == "secondary":
                yield line, CONFUSED
