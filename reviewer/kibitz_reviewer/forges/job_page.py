"""Where a token may write nothing, as on a pull request from a fork: annotations and the summary of the job itself.

GitHub Actions reads annotations from what a step prints (ten warnings and ten errors a step) and shows the file that
``GITHUB_STEP_SUMMARY`` names; that one holds every finding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from kibitz_reviewer.finding import Finding, Severity
from kibitz_reviewer.forges.markdown import code, escaped
from kibitz_reviewer.forges.plan import rank

PER_LEVEL = 10
MAX_SUMMARY_BYTES = 1_000_000


def show(findings: Sequence[Finding], environ: Mapping[str, str], out: TextIO) -> bool:
    """Write annotations to ``out`` and all findings to the step's summary; False where there is no such page."""
    path = environ.get("GITHUB_STEP_SUMMARY", "")
    if environ.get("GITHUB_ACTIONS") != "true" and not path:
        return False
    ordered = sorted(findings, key=rank)
    for level, group in (("error", _severe(ordered)), ("warning", _mild(ordered))):
        for finding in group[:PER_LEVEL]:
            out.write(f"{_annotation(level, finding)}\n")
    if path:
        with Path(path).open("a", encoding="utf-8", errors="backslashreplace") as page:
            page.write(page_of(ordered))
    return True


def page_of(findings: Sequence[Finding]) -> str:
    """Every finding as Markdown, up to what GitHub shows."""
    lines = [f"## Kibitz: {len(findings)} finding{'s' if len(findings) != 1 else ''}", ""]
    size = 0
    for count, finding in enumerate(findings):
        line = (
            f"- {code(finding.path)}:{finding.line} **{finding.severity.label}** {code(finding.rule)}: "
            f"{escaped(finding.message)}"
        )
        size += len(line.encode("utf-8", "replace")) + 1
        if size > MAX_SUMMARY_BYTES:
            lines.append(f"- and {len(findings) - count} more")
            break
        lines.append(line)
    return "\n".join(lines) + "\n"


def _annotation(level: str, finding: Finding) -> str:
    place = f"file={_property(finding.path)},line={finding.line},endLine={finding.end_line}"
    return f"::{level} {place},title={_property(finding.rule)}::{_data(finding.message)}"


def _data(text: str) -> str:
    """A command's text: a line break would end it and let what follows be a command of its own."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _severe(findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.severity >= Severity.HIGH]


def _mild(findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.severity < Severity.HIGH]
