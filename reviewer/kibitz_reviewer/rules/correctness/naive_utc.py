"""UTC that does not say so."""

from __future__ import annotations

from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity

NAIVE = ("datetime.datetime.utcnow", "datetime.datetime.utcfromtimestamp")


class NaiveUtc(Rule):
    """Time in UTC is made without saying that it is UTC.

    `datetime.utcnow()` has no time zone, so `timestamp()`, `astimezone()` and comparison take it for local time and are off by
    the distance to UTC. Both functions are deprecated since Python 3.12.

    Use `datetime.now(timezone.utc)` and `datetime.fromtimestamp(seconds, timezone.utc)`.
    """

    severity = Severity.LOW
    aliases = ("python/naive-datatime-time-zone-issues@v1.0", "python/deprecated-method@v1.0")
    triggers = ("utcnow", "utcfromtimestamp")
    fix = Applicability.SUGGESTED
    fix_title = "Say that the time is UTC"
    noncompliant = (
        """
        from datetime import datetime

        def stamp():
            return datetime.utcnow().isoformat()  # finding
        """,
        """
        import datetime as dt

        def when(seconds):
            return dt.datetime.utcfromtimestamp(seconds)  # finding
        """,
    )
    compliant = (
        """
        from datetime import datetime, timezone

        def stamp():
            return datetime.now(timezone.utc).isoformat()
        """,
        """
        from datetime import datetime, timezone

        def stamp():
            return datetime.utcnow().replace(tzinfo=timezone.utc)
        """,
        """
        import arrow

        def stamp():
            return arrow.utcnow()
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls(*NAIVE):
            parent = module.parent(call)
            if getattr(parent, "attr", "") in ("replace", "date", "strftime"):
                continue
            yield self.finding(
                module, call, "This time is UTC but does not say so. Use `datetime.now(timezone.utc)`."
            )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call) or not isinstance(node.func, cst.Attribute):
            return None
        name = {"utcnow": "now", "utcfromtimestamp": "fromtimestamp"}.get(node.func.attr.value)
        if name is None:
            return None
        repair.add_import("datetime", "timezone")
        zone = cst.Arg(cst.Attribute(cst.Name("timezone"), cst.Name("utc")))
        kept = [argument.with_changes(comma=cst.MaybeSentinel.DEFAULT) for argument in node.args]
        return node.with_changes(func=node.func.with_changes(attr=cst.Name(name)), args=[*kept, zone])
