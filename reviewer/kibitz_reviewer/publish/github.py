"""GitHub's workflow commands: lines on standard output that a workflow shows as annotations of the changed files."""

from __future__ import annotations

from kibitz_reviewer.finding import Severity
from kibitz_reviewer.publish import text
from kibitz_reviewer.runner import Review

LEVELS = {
    Severity.INFO: "notice",
    Severity.LOW: "notice",
    Severity.MEDIUM: "warning",
    Severity.HIGH: "error",
    Severity.CRITICAL: "error",
}


def render(review: Review) -> str:
    """A command for each finding and problem, then the summary."""
    lines = [
        f"::{LEVELS[f.severity]} file={_value(f.path)},line={f.line},endLine={f.end_line},col={f.column},"
        f"title={_value(f.rule)}::{_message(f.message)}"
        for f in review.findings
    ]
    lines += [
        f"::warning {f'file={_value(p.path)},line={max(p.line, 1)},' if p.path else ''}title=not reviewed::{_message(p.message)}"
        for p in review.problems
    ]
    return "\n".join([*lines, text.summary(review)]) + "\n"


def _message(message: str) -> str:
    return message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _value(value: str) -> str:
    return _message(value).replace(":", "%3A").replace(",", "%2C")
