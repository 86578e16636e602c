"""SARIF 2.1.0 (OASIS standard), with what code scanning services read beside it: CWE tags, security-severity, precision."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from kibitz_reviewer.engines.pylint import MESSAGES
from kibitz_reviewer.finding import Edit, Finding, Fix, Severity, Step
from kibitz_reviewer.rule import rule_named
from kibitz_reviewer.runner import Problem, Review

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {
    Severity.INFO: "note",
    Severity.LOW: "note",
    Severity.MEDIUM: "warning",
    Severity.HIGH: "error",
    Severity.CRITICAL: "error",
}
# Code scanning reads CVSS-like scores: over 9 critical, over 7 high, over 4 medium.
SCORES = {
    Severity.INFO: "1.0",
    Severity.LOW: "3.0",
    Severity.MEDIUM: "5.5",
    Severity.HIGH: "8.0",
    Severity.CRITICAL: "9.5",
}
ROOT = "%SRCROOT%"


def render(review: Review) -> str:
    """The review as one SARIF run."""
    ids = sorted({finding.rule for finding in review.findings})
    by_rule = {finding.rule: finding for finding in review.findings}
    places = {rule: index for index, rule in enumerate(ids)}
    run = {
        "tool": {
            "driver": {
                "name": "Kibitz",
                "version": version("kibitz"),
                "rules": [_rule(by_rule[rule]) for rule in ids],
            }
        },
        # Uploads of one category replace each other; its name ends in a slash.
        "automationDetails": {"id": "kibitz/"},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [_notification(problem) for problem in review.problems],
            }
        ],
        "results": [_result(finding, places[finding.rule]) for finding in review.findings],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(example: Finding) -> dict[str, Any]:
    """The descriptor of a rule that has findings; ``example`` is one of them."""
    rule = rule_named(example.rule)
    severity = rule.severity if rule else example.severity
    summary = rule.summary if rule else f"pylint's {example.rule.removeprefix('pylint-')}"
    text = rule.help if rule else f"{summary} ({_pylint_code(example.rule)})."
    tags = [example.category, *(f"external/cwe/cwe-{number:03}" for number in example.cwe)]
    properties: dict[str, Any] = {"tags": tags, "precision": _precision(example)}
    if example.category == "security":
        properties["security-severity"] = SCORES[severity]
    else:
        properties["problem.severity"] = {"note": "recommendation"}.get(LEVELS[severity], LEVELS[severity])
    return {
        "id": example.rule,
        "name": "".join(part.capitalize() for part in example.rule.split("-")),
        "shortDescription": {"text": summary},
        "fullDescription": {"text": text.partition("\n\n")[0]},
        "help": {"text": text, "markdown": text},
        "defaultConfiguration": {"level": LEVELS[severity]},
        "properties": properties,
    }


def _pylint_code(rule: str) -> str:
    message = MESSAGES.get(rule.removeprefix("pylint-"))
    return message.code if message else rule


def _precision(finding: Finding) -> str:
    return finding.confidence.label.lower()


def _result(finding: Finding, index: int) -> dict[str, Any]:
    region: dict[str, Any] = {
        "startLine": finding.line,
        "startColumn": finding.column,
        "endLine": finding.end_line,
        "endColumn": finding.end_column,
    }
    if finding.snippet:
        region["snippet"] = {"text": finding.snippet}
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": LEVELS[finding.severity],
        "message": {"text": finding.message},
        "locations": [{"physicalLocation": {"artifactLocation": _artifact(finding.path), "region": region}}],
        # The first is ours, the second the one that GitHub follows a finding by.
        "partialFingerprints": {
            "kibitz/v1": finding.fingerprint,
            "primaryLocationLineHash": finding.fingerprint,
        },
        "properties": {"severity": finding.severity.label, "confidence": finding.confidence.label},
    }
    if finding.steps:
        result["codeFlows"] = [{"threadFlows": [{"locations": [_thread_location(s) for s in finding.steps]}]}]
    if finding.fix is not None:
        result["fixes"] = [_fix(finding.path, finding.fix)]
    return result


def _thread_location(step: Step) -> dict[str, Any]:
    region = {
        "startLine": step.line,
        "startColumn": step.column,
        "endLine": step.end_line,
        "endColumn": step.end_column,
    }
    place = {"artifactLocation": _artifact(step.path), "region": region}
    return {"location": {"physicalLocation": place, "message": {"text": step.note}}}


def _fix(path: str, fix: Fix) -> dict[str, Any]:
    replacements = [_replacement(edit) for edit in fix.edits]
    change = {"artifactLocation": _artifact(path), "replacements": replacements}
    return {"description": {"text": fix.title}, "artifactChanges": [change]}


def _replacement(edit: Edit) -> dict[str, Any]:
    region = {"startLine": edit.line, "startColumn": 1, "endLine": edit.end_line + 1, "endColumn": 1}
    return {"deletedRegion": region, "insertedContent": {"text": edit.text}}


def _notification(problem: Problem) -> dict[str, Any]:
    notification: dict[str, Any] = {
        "level": "error" if problem.broken else "warning",
        "message": {"text": problem.message},
    }
    if problem.path:
        place: dict[str, Any] = {"artifactLocation": _artifact(problem.path)}
        if problem.line:
            place["region"] = {"startLine": problem.line}
        notification["locations"] = [{"physicalLocation": place}]
    return notification


def _artifact(path: str) -> dict[str, str]:
    uri = quote(path.encode("utf-8", "surrogateescape"), safe="/~")
    if path.startswith("/"):
        return {"uri": f"file://{uri}"}
    return {"uri": uri, "uriBaseId": ROOT}
