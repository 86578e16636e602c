"""Dates read the slow way."""

from __future__ import annotations

from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.loops import repeats
from kibitz_reviewer.rule import Confidence, Finding, Rule, Severity


class StrptimeInLoop(Rule):
    """Dates of ISO form are read with `strptime` in a loop.

    `strptime` interprets its format for each date, twenty times slower than `fromisoformat`, which knows the form.

    Use `datetime.fromisoformat`.
    """

    severity = Severity.LOW
    confidence = Confidence.MEDIUM
    triggers = ("strptime",)
    noncompliant = (
        """
        from datetime import datetime

        def days(rows):
            return [datetime.strptime(row["day"], "%Y-%m-%d") for row in rows]  # finding
        """,
    )
    compliant = (
        """
        from datetime import datetime

        def days(rows):
            return [datetime.fromisoformat(row["day"]) for row in rows]
        """,
        """
        from datetime import datetime

        def day(text):
            return datetime.strptime(text, "%Y-%m-%d")

        def days(rows):
            return [datetime.strptime(row["day"], "%d.%m.%Y") for row in rows]
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls("datetime.datetime.strptime"):
            form = module.constant(call.args[1]) if len(call.args) > 1 else None
            if isinstance(form, str) and form in ISO and repeats(module, call):
                yield self.finding(
                    module, call, "`strptime` reads its format for each date. Use `fromisoformat`."
                )


ISO = frozenset(
    {"%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M"}
    | {"%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%dT%H:%M"}
)
