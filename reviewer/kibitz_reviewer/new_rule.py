"""The file that a rule of one's own starts from: one that works, about something everybody knows."""

from __future__ import annotations

import re
from pathlib import Path

from kibitz_reviewer.custom import CustomRuleError
from kibitz_reviewer.rule import rule_named

_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")

TEMPLATE = '''"""Say what the rule is about."""

from __future__ import annotations

from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Confidence, Finding, Rule, Severity


# The class is called like the file. Its docstring says in one sentence what it finds, then why that is bad and what to do.
class {name}(Rule):
    """Program waits for a fixed time.

    It waits too long most of the time, and too short once.

    Wait for what is to happen.
    """

    severity = Severity.LOW  # INFO, LOW, MEDIUM, HIGH, CRITICAL
    confidence = Confidence.MEDIUM  # LOW, MEDIUM, HIGH; what is LOW never becomes an inline comment
    cwe = ()  # numbers of weaknesses, like (89,)
    triggers = ("sleep",)  # a file without any of these words is not looked at
    noncompliant = (
        """
        import time

        time.sleep(5)  # finding
        """,
    )
    compliant = (
        """
        import threading

        threading.Event().wait(5)
        """,
        """
        def sleep(seconds):
            return seconds

        sleep(5)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls("time.sleep"):
            yield self.finding(module, call, "Waits for a fixed time. Wait for what is to happen.")
'''


def write(name: str, folder: Path) -> Path:
    """Write the file of a rule called ``name`` (``call-of-sleep``) into ``folder``; raises ``CustomRuleError``, ``OSError``."""
    if not _NAME.fullmatch(name):
        raise CustomRuleError(
            f"expected a name in small letters with hyphens, like call-of-sleep, got {name!r}"
        )
    stem = name.replace("-", "_")
    if rule_named(stem.replace("_", "-")) is not None:
        raise CustomRuleError(f"there is a rule {name!r} already; `kibitz rules {name}` explains it")
    place = folder / f"{stem}.py"
    folder.mkdir(parents=True, exist_ok=True)
    class_name = "".join(part.capitalize() for part in stem.split("_"))
    try:
        with place.open("x", encoding="utf-8") as file:
            file.write(TEMPLATE.replace("{name}", class_name))
    except FileExistsError:
        raise CustomRuleError(f"{place.as_posix()} is there already") from None
    return place
