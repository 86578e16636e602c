"""recommendations.json, in the shape of CodeGuru Reviewer's RecommendationSummary: for scripts written for that."""

from __future__ import annotations

import json
from typing import Any

from kibitz_reviewer.finding import Finding
from kibitz_reviewer.rule import rule_named
from kibitz_reviewer.runner import Review

CATEGORIES = {
    "security": "SecurityIssues",
    "aws": "AWSBestPractices",
    "resources": "ResourceLeaks",
    "duplication": "DuplicateCode",
    "correctness": "CodeMaintenanceIssues",
    "performance": "PythonBestPractices",
    "ml": "PythonBestPractices",
    "notebooks": "PythonBestPractices",
}
MAX_NAME, MAX_SHORT, MAX_LONG, MAX_TAGS = 100, 200, 1000, 20


def render(review: Review) -> str:
    """The findings as a JSON list; ids stay the same from run to run."""
    return json.dumps([_recommendation(finding) for finding in review.findings], indent=2) + "\n"


def _recommendation(finding: Finding) -> dict[str, Any]:
    return {
        "FilePath": finding.path,
        "RecommendationId": finding.fingerprint,
        "StartLine": finding.line,
        "EndLine": finding.end_line,
        "Description": finding.message,
        "RecommendationCategory": CATEGORIES.get(finding.category, "CodeMaintenanceIssues"),
        "RuleMetadata": _rule(finding),
        "Severity": finding.severity.label,
    }


def _rule(finding: Finding) -> dict[str, Any]:
    """The rule under the detector id it covers, where it covers one."""
    rule = rule_named(finding.rule)
    identifier = rule.aliases[0] if rule is not None and rule.aliases else f"python/{finding.rule}@v1.0"
    return {
        "RuleId": identifier,
        "RuleName": (rule.name if rule else finding.rule)[:MAX_NAME],
        "ShortDescription": (rule.summary if rule else finding.message)[:MAX_SHORT],
        "LongDescription": (rule.help if rule else finding.message)[:MAX_LONG],
        "RuleTags": [finding.category, *(f"cwe-{number}" for number in finding.cwe)][:MAX_TAGS],
    }
