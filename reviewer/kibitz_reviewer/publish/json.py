"""The report for scripts: one JSON object with ``version``, ``summary``, ``findings`` and ``problems``."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from kibitz_reviewer.finding import Finding, Fix
from kibitz_reviewer.runner import Review

VERSION = 1
MAX_CODE = 4_000
SECRETS = frozenset({259, 321, 798})
"""Weaknesses whose code is a password or a key."""


def render(review: Review) -> str:
    """The review as JSON, indented by two."""
    report = {
        "version": VERSION,
        "summary": {
            "files": review.files,
            "lines": review.lines,
            "findings": len(review.findings),
            "suppressed": review.suppressed,
        },
        "findings": [finding_object(finding) for finding in review.findings],
        "problems": [
            {"path": p.path, "line": p.line or None, "message": p.message, "broken": p.broken}
            for p in review.problems
        ],
    }
    return json.dumps(report, indent=2) + "\n"


def finding_object(finding: Finding) -> dict[str, Any]:
    """A finding as plain data; lines and columns are 1-based, ``end_column`` is exclusive."""
    return {
        "rule": finding.rule,
        "path": finding.path,
        "line": finding.line,
        "column": finding.column,
        "end_line": finding.end_line,
        "end_column": finding.end_column,
        "severity": finding.severity.label,
        "category": finding.category,
        "confidence": finding.confidence.label,
        "cwe": list(finding.cwe),
        "message": finding.message,
        "scope": finding.scope,
        "fingerprint": finding.fingerprint,
        "code": _code(finding),
        "heat": asdict(finding.heat) if finding.heat else None,
        "flow": [
            {"path": s.path, "line": s.line, "column": s.column, "end_column": s.end_column, "note": s.note}
            for s in finding.steps
        ],
        "fix": None if finding.fix is None else _fix(finding.fix),
    }


def _code(finding: Finding) -> str:
    """The lines of source the finding lies on; "" where they hold a secret, which a report would only spread."""
    if SECRETS.intersection(finding.cwe):
        return ""
    first, *others = finding.snippet.split("\n") if finding.end_line > finding.line else (finding.snippet,)
    return "\n".join([finding.source_line or first, *others])[:MAX_CODE]


def _fix(fix: Fix) -> dict[str, Any]:
    edits = [{"line": edit.line, "end_line": edit.end_line, "text": edit.text} for edit in fix.edits]
    return {"title": fix.title, "safe": fix.safe, "edits": edits}
