"""GitLab's code quality report: a JSON list that merge requests show beside the diff."""

from __future__ import annotations

import json

from kibitz_reviewer.finding import Severity
from kibitz_reviewer.runner import Review

LEVELS = {
    Severity.INFO: "info",
    Severity.LOW: "minor",
    Severity.MEDIUM: "major",
    Severity.HIGH: "critical",
    Severity.CRITICAL: "blocker",
}


def render(review: Review) -> str:
    """The findings as GitLab reads them; fingerprints tell one that moved from a new one."""
    issues = [
        {
            "description": finding.message,
            "check_name": finding.rule,
            "fingerprint": finding.fingerprint,
            "severity": LEVELS[finding.severity],
            "location": {"path": finding.path, "lines": {"begin": finding.line, "end": finding.end_line}},
        }
        for finding in review.findings
    ]
    return json.dumps(issues, indent=2) + "\n"
