"""Patterns that never end."""

from __future__ import annotations

from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import argument
from kibitz_reviewer.engines.backtracking import may_explode
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Confidence, Finding, Rule, Severity

NAMES = ("compile", "match", "search", "fullmatch", "findall", "finditer", "sub", "subn", "split")


class BacktrackingRegex(Rule):
    """Regular expression can take exponential time.

    Where a repeated part can itself match in several ways, as in `(a+)+$`, a text that almost fits makes the engine try them all:
    forty characters may take days.

    Make the parts exclude each other, or the repetition possessive (`(?>...)`, `++` since Python 3.11).
    """

    severity = Severity.MEDIUM
    confidence = Confidence.MEDIUM
    cwe = (1333, 400)
    aliases = ("python/catastrophic-backtracking-regex@v1.0",)
    triggers = ("re", "regex")
    noncompliant = (
        r"""
        import re

        def is_list(text):
            return re.match(r"^(\w+\s?)*$", text)  # finding
        """,
        r"""
        import re

        ADDRESS = re.compile(r"^([a-zA-Z0-9])(([\-.]|[_]+)?([a-zA-Z0-9]+))*(@){1}[a-z0-9]+$")  # finding
        NUMBER = re.compile("(a|aa)+$")  # finding
        """,
    )
    compliant = (
        r"""
        import re

        def is_list(text):
            return re.match(r"^\w+(?:\s\w+)*$", text)
        """,
        """
        import re

        WORD = re.compile(r"^(?:[a-z]+-)*[a-z]+$")
        LINES = re.compile(r"(?:\\d{1,3}\\.){3}\\d{1,3}")
        QUOTED = re.compile(r"'(?:[^'\\\\]|\\\\.)*'")
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls(*(f"{root}.{name}" for root in ("re", "regex") for name in NAMES)):
            pattern = module.constant(argument(call, 0, "pattern"))
            if isinstance(pattern, str) and may_explode(pattern):
                yield self.finding(
                    module,
                    call,
                    "A text that almost fits makes this try all ways: exponential time. Make its parts exclude each other.",
                )
