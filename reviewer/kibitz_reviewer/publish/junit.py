"""JUnit XML: a failed test case for each finding, for servers that know nothing but tests."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import groupby

from kibitz_reviewer.finding import Finding
from kibitz_reviewer.runner import Review

# XML 1.0 has no place for these, however they are escaped.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(review: Review) -> str:
    """The review as one test suite."""
    broken = [problem for problem in review.problems if problem.broken]
    suite = ET.Element(
        "testsuite",
        name="kibitz review",
        tests=str(len(review.findings) + len(broken) or 1),
        failures=str(len(review.findings)),
        errors=str(len(broken)),
    )
    for path, findings in groupby(review.findings, key=lambda finding: finding.path):
        for finding in findings:
            _case(suite, path, finding)
    for problem in broken:
        case = ET.SubElement(suite, "testcase", classname=_plain(problem.path), name="parse")
        ET.SubElement(case, "error", message=_plain(problem.message))
    if not len(suite):
        ET.SubElement(suite, "testcase", classname="kibitz", name="review")
    ET.indent(suite)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(suite, encoding="unicode") + "\n"


def _case(suite: ET.Element, path: str, finding: Finding) -> None:
    name = f"{finding.rule}:{finding.line}"
    case = ET.SubElement(suite, "testcase", classname=_plain(path), name=name)
    failure = ET.SubElement(case, "failure", message=_plain(finding.message), type=finding.severity.label)
    failure.text = _plain(f"{path}:{finding.line}:{finding.column}: {finding.message}")


def _plain(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
