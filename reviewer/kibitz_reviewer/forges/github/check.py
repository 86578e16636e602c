"""What GitHub shows beside comments: a check run with annotations, and code scanning fed by SARIF."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kibitz_reviewer.finding import Finding, Severity
from kibitz_reviewer.forges.plan import MAX_BODY, rank, summary
from kibitz_reviewer.forges.rest import Rest
from kibitz_reviewer.publish import publisher
from kibitz_reviewer.runner import Review

PER_REQUEST = 50
MAX_ANNOTATIONS = 1_000
MAX_RESULTS = 5_000
MAX_TITLE, MAX_MESSAGE = 255, 16_000


@dataclass(frozen=True, slots=True)
class CheckRun:
    """The check run ``kibitz`` of one commit; ``repository`` is its address in the API."""

    rest: Rest
    repository: str
    head: str

    def publish(self, findings: Sequence[Finding], *, failed: bool) -> None:
        """Make the check run with the first fifty annotations, then append the others fifty at a time."""
        ordered = sorted(findings, key=rank)[:MAX_ANNOTATIONS]
        notes = [annotation(finding) for finding in ordered]
        conclusion = "failure" if failed else "neutral" if findings else "success"
        started = {
            "name": "kibitz",
            "head_sha": self.head,
            "status": "completed",
            "conclusion": conclusion,
            "output": _output(findings, notes[:PER_REQUEST]),
        }
        answer = self.rest.call("POST", f"{self.repository}/check-runs", started)
        number = answer.get("id") if isinstance(answer, dict) else None
        for first in range(PER_REQUEST, len(notes), PER_REQUEST):
            more = {"output": _output(findings, notes[first : first + PER_REQUEST])}
            self.rest.call("PATCH", f"{self.repository}/check-runs/{number}", more)


def annotation(finding: Finding) -> dict[str, Any]:
    """One annotation; columns are only allowed within one line."""
    level = {Severity.CRITICAL: "failure", Severity.HIGH: "failure", Severity.MEDIUM: "warning"}
    place: dict[str, Any] = {"path": finding.path, "start_line": finding.line, "end_line": finding.end_line}
    if finding.line == finding.end_line and finding.end_column > finding.column:
        place |= {"start_column": finding.column, "end_column": finding.end_column}
    return {
        **place,
        "annotation_level": level.get(finding.severity, "notice"),
        "message": finding.message[:MAX_MESSAGE],
        "title": f"{finding.severity.label}: {finding.rule}"[:MAX_TITLE],
    }


def _output(findings: Sequence[Finding], notes: list[dict[str, Any]]) -> dict[str, Any]:
    count = len(findings)
    title = f"{count} finding{'s' if count != 1 else ''}" if count else "Nothing found"
    return {"title": title, "summary": summary(0, findings)[:MAX_BODY], "annotations": notes}


def upload_sarif(rest: Rest, repository: str, head: str, ref: str, findings: Sequence[Finding]) -> None:
    """Hand the findings to code scanning under ``ref``: the weightiest, as it refuses more than 25,000 and shows 5,000."""
    weighty = sorted(findings, key=rank)[:MAX_RESULTS]
    report = publisher("sarif").render(Review(findings=sorted(weighty, key=lambda one: one.order)))
    packed = base64.b64encode(gzip.compress(report.encode(), mtime=0)).decode()
    body = {"commit_sha": head, "ref": ref, "sarif": packed, "tool_name": "kibitz"}
    rest.call("POST", f"{repository}/code-scanning/sarifs", body)
