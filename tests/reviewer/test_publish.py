"""The reports: text, JSON, SARIF."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from kibitz_reviewer.engines.pylint import MESSAGES
from kibitz_reviewer.finding import Edit, Finding, Fix, Severity, fingerprinted
from kibitz_reviewer.publish import FORMATS, publisher
from kibitz_reviewer.rule import all_rules
from kibitz_reviewer.runner import Problem, Review


@pytest.fixture
def review() -> Review:
    line = "\tx = yaml.load('☕')  # \x1b[31m"
    finding = Finding(
        rule="unsafe-yaml-load",
        path="shop/café menu.py",
        line=7,
        column=6,
        end_line=7,
        end_column=20,
        message="Loads anything.",
        severity=Severity.HIGH,
        category="security",
        cwe=(502,),
        snippet="yaml.load('☕')",
        source_line=line,
        fix=Fix("Use yaml.safe_load", True, (Edit(1, 0, "import a\n"), Edit(7, 7, "y\n"))),
    )
    pylint = Finding("pylint-unreachable", "b.py", 1, 1, 1, 2, "No.", Severity.LOW, "correctness")
    problems = [Problem("bad.py", "does not parse: invalid syntax", 3, broken=True), Problem("", "no pylint")]
    return Review(fingerprinted([finding, pylint]), problems, files=2, lines=1234, suppressed=1)


def test_text_puts_carets_beneath_what_it_means_and_escapes_controls(review: Review) -> None:
    text = publisher("text").render(review)
    lines = text.split("\n")
    at = next(number for number, line in enumerate(lines) if "yaml.load(" in line and "|" in line)
    assert lines[at].index("yaml.load") == lines[at + 1].index("^")
    # The cup is two columns wide, so one caret more than there are characters.
    assert lines[at + 1].count("^") == len("yaml.load('☕')") + 1
    assert "\x1b" not in text
    assert "bad.py:3: does not parse" in text
    assert "2 findings (1 high, 1 low) in 2 files, 1,234 lines." in text


def test_json_holds_every_fact(review: Review) -> None:
    report = json.loads(publisher("json").render(review))
    first = next(entry for entry in report["findings"] if entry["rule"] == "unsafe-yaml-load")
    assert (first["severity"], first["cwe"], first["line"]) == ("High", [502], 7)
    assert first["fix"]["edits"][0] == {"line": 1, "end_line": 0, "text": "import a\n"}
    assert report["problems"][0]["broken"] is True


def sarif(review: Review) -> dict[str, Any]:
    log = json.loads(publisher("sarif").render(review))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    return dict(run)


def test_sarif_results_point_at_their_rules(review: Review) -> None:
    run = sarif(review)
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert len(result["partialFingerprints"]["kibitz/v1"]) == 32


def test_sarif_rules_carry_weakness_tags_and_a_score(review: Review) -> None:
    rules = {rule["id"]: rule for rule in sarif(review)["tool"]["driver"]["rules"]}
    assert "external/cwe/cwe-502" in rules["unsafe-yaml-load"]["properties"]["tags"]
    assert 7.0 <= float(rules["unsafe-yaml-load"]["properties"]["security-severity"]) < 9.0
    assert "security-severity" not in rules["pylint-unreachable"]["properties"]


def test_sarif_regions_are_one_based_and_paths_are_uris(review: Review) -> None:
    run = sarif(review)
    place = run["results"][1]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "shop/caf%C3%A9%20menu.py", "uriBaseId": "%SRCROOT%"}
    replacements = run["results"][1]["fixes"][0]["artifactChanges"][0]["replacements"]
    for region in (place["region"], *(replacement["deletedRegion"] for replacement in replacements)):
        assert region["startLine"] >= 1
        assert region["startColumn"] >= 1
        assert (region["endLine"], region["endColumn"]) >= (region["startLine"], region["startColumn"])


def test_sarif_says_what_was_not_reviewed(review: Review) -> None:
    notes = sarif(review)["invocations"][0]["toolExecutionNotifications"]
    assert [note["level"] for note in notes] == ["error", "warning"]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_renders_an_empty_review(name: str) -> None:
    assert publisher(name).render(Review()).endswith("\n")


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a format"):
        publisher("pdf")


def test_gitlab_reads_path_lines_and_fingerprint(review: Review) -> None:
    issue = json.loads(publisher("gitlab").render(review))[-1]
    assert issue["location"] == {"path": "shop/café menu.py", "lines": {"begin": 7, "end": 7}}
    assert (issue["severity"], issue["fingerprint"]) == ("critical", review.findings[-1].fingerprint)


def test_junit_is_xml_with_a_failure_for_each_finding(review: Review) -> None:
    import xml.etree.ElementTree as ET

    suite = ET.fromstring(publisher("junit").render(review).encode())
    assert suite.get("failures") == str(len(review.findings))
    assert [case.get("classname") for case in suite.iter("testcase") if case.find("failure") is not None] == [
        finding.path for finding in review.findings
    ]


def test_github_commands_escape_what_would_end_them(review: Review) -> None:
    lines = publisher("github").render(review).splitlines()
    wanted = "::error file=shop/café menu.py,line=7,endLine=7,col=6,title=unsafe-yaml-load::"
    assert any(line.startswith(wanted) for line in lines)


def test_recommendations_carry_the_published_rule_id(review: Review) -> None:
    entry = json.loads(publisher("aws").render(review))[-1]
    assert entry["RuleMetadata"]["RuleId"] == "python/untrusted-deserialization@v1.0"
    assert (entry["RecommendationCategory"], entry["Severity"]) == ("SecurityIssues", "High")


def test_junit_counts_what_it_holds(review: Review) -> None:
    import xml.etree.ElementTree as ET

    for each in (review, Review()):
        suite = ET.fromstring(publisher("junit").render(each).encode())
        assert suite.get("tests") == str(len(list(suite.iter("testcase"))))
        assert suite.get("failures") == str(len(list(suite.iter("failure"))))
        assert suite.get("errors") == str(len(list(suite.iter("error"))))


def test_a_github_command_without_a_file_names_none(review: Review) -> None:
    lines = publisher("github").render(review).splitlines()
    assert "::warning title=not reviewed::no pylint" in lines


RECOMMENDATION = {
    "type": "object",
    "required": ["FilePath", "RecommendationId", "StartLine", "EndLine", "Description", "RecommendationCategory", "RuleMetadata", "Severity"],
    "additionalProperties": False,
    "properties": {
        "FilePath": {"type": "string", "minLength": 1, "maxLength": 1024},
        "RecommendationId": {"type": "string", "minLength": 1, "maxLength": 64},
        "StartLine": {"type": "integer"},
        "EndLine": {"type": "integer"},
        "Description": {"type": "string", "minLength": 1, "maxLength": 2048},
        "RecommendationCategory": {
            "enum": [
                "AWSBestPractices", "AWSCloudFormationIssues", "DuplicateCode", "CodeMaintenanceIssues", "ConcurrencyIssues",
                "InputValidations", "PythonBestPractices", "JavaBestPractices", "ResourceLeaks", "SecurityIssues", "CodeInconsistencies",
            ]
        },
        "Severity": {"enum": ["Info", "Low", "Medium", "High", "Critical"]},
        "RuleMetadata": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "RuleId": {"type": "string", "pattern": r"^\S+\/[a-zA-Z0-9-]+@v\d+\.\d+$"},
                "RuleName": {"type": "string", "minLength": 1, "maxLength": 100},
                "ShortDescription": {"type": "string", "minLength": 1, "maxLength": 200},
                "LongDescription": {"type": "string", "minLength": 1, "maxLength": 1000},
                "RuleTags": {"type": "array", "minItems": 1, "maxItems": 20, "items": {"type": "string", "minLength": 1, "maxLength": 50}},
            },
        },
    },
}  # fmt: skip
"""The shape RecommendationSummary of the service model codeguru-reviewer 2019-09-19."""

CODE_QUALITY = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "minLength": 1},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "pattern": r"^(?!\./)[^/]"},
                    "lines": {
                        "required": ["begin"],
                        "properties": {"begin": {"type": "integer", "minimum": 1}},
                    },
                },
            },
        },
    },
}
"""What GitLab's documentation asks of a code quality report."""


def of_every_rule() -> Review:
    found = [
        Finding(r.id, f"{r.category}/a.py", 3, 1, 9, 2, r.summary, r.severity, r.category, cwe=r.cwe)
        for r in all_rules()
    ]
    found += [Finding(m.rule, "b.py", 1, 1, 1, 2, "No.", m.severity, m.category) for m in MESSAGES.values()]
    return Review(fingerprinted(found), files=2)


def test_recommendations_of_every_rule_have_the_published_shape() -> None:
    entries = json.loads(publisher("aws").render(of_every_rule()))
    assert len(entries) > 150
    for entry in entries:
        jsonschema.validate(entry, RECOMMENDATION)
        assert entry["StartLine"] <= entry["EndLine"]


def test_code_quality_of_every_rule_has_the_documented_shape() -> None:
    issues = json.loads(publisher("gitlab").render(of_every_rule()))
    jsonschema.validate(issues, CODE_QUALITY)
    assert len({issue["fingerprint"] for issue in issues}) == len(issues) > 150
