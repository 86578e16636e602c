"""Times of no place."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import argument, is_open
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Confidence, Finding, Rule, Severity

CALLS = {".now": (0, "tz"), ".fromtimestamp": (1, "tz"), ".today": (9, "tz"), "": (7, "tzinfo")}


class NaiveDatetime(Rule):
    """Time is made without saying in which time zone it is.

    Such a time means something else on each machine: compared with one that has a zone it raises, stored and read elsewhere it
    is hours off.

    Pass a zone: `datetime.now(timezone.utc)`.
    """

    severity = Severity.LOW
    confidence = Confidence.MEDIUM
    cwe = (1339,)
    aliases = ("python/naive-datatime-time-zone-issues@v1.0",)
    triggers = ("datetime",)
    fix = Applicability.SUGGESTED
    fix_title = "Give it the zone of the machine"
    noncompliant = (
        """
        from datetime import datetime

        def stamp(seconds):
            start = datetime.now()  # finding
            return start, datetime.fromtimestamp(seconds), datetime.today()  # finding
        """,
        """
        import datetime as dt

        def opening():
            return dt.datetime(2024, 5, 1, 9, 30)  # finding
        """,
    )
    compliant = (
        """
        from datetime import datetime, timezone

        def stamp(seconds):
            return datetime.now(timezone.utc), datetime.fromtimestamp(seconds, tz=timezone.utc)
        """,
        """
        import time
        from datetime import date, datetime
        from zoneinfo import ZoneInfo

        def opening(zone):
            local = datetime.now().astimezone()
            return local, datetime(2024, 5, 1, 9, 30, tzinfo=ZoneInfo("Europe/Rome")), datetime.now(zone), date(2024, 5, 1)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        lines: set[int] = set()
        for name, (position, word) in CALLS.items():
            for call in module.calls(f"datetime.datetime{name}"):
                given = argument(call, position, word)
                naive = given is None or (isinstance(given, ast.Constant) and given.value is None)
                if (
                    is_open(call)
                    or not naive
                    or self._gets_zone(module, call)
                    or (not name and len(call.args) < 4)
                    or call.lineno in lines
                ):
                    continue
                lines.add(call.lineno)
                yield self.finding(
                    module, call, "This time means another moment on each machine. Pass a time zone."
                )

    def _gets_zone(self, module: Module, call: ast.Call) -> bool:
        """Whether the time is given a zone, or turned into a text or number of this machine's own, at once."""
        parent = module.parent(call)
        return isinstance(parent, ast.Attribute) and parent.attr in (
            "astimezone",
            "replace",
            "year",
            "date",
            "strftime",
            "timestamp",
            "month",
            "day",
            "weekday",
            "isocalendar",
        )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        if not isinstance(node.func, cst.Attribute) or node.func.attr.value not in (
            "now",
            "today",
            "fromtimestamp",
        ):
            return None
        return cst.Call(cst.Attribute(node, cst.Name("astimezone")))
