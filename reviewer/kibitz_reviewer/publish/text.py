"""The report for people: each finding with its line of source and carets, then what was not reviewed, then a summary."""

from __future__ import annotations

import unicodedata
from collections import Counter

from kibitz_reviewer.finding import Finding, Severity
from kibitz_reviewer.runner import Problem, Review

TAB = 4
WIDTH = 160


def render(review: Review) -> str:
    """Findings, problems and a summary, as text."""
    blocks = [_finding(finding) for finding in review.findings]
    if review.problems:
        blocks.append("\n".join(["Not reviewed:", *(_problem(problem) for problem in review.problems)]))
    blocks.append(summary(review))
    return "\n\n".join(blocks) + "\n"


def summary(review: Review) -> str:
    """One line: how many findings of which severity, in how much source."""
    counts = Counter(finding.severity for finding in review.findings)
    parts = [
        f"{counts[severity]} {severity.label.lower()}" for severity in reversed(Severity) if counts[severity]
    ]
    found = f"{_count(len(review.findings), 'finding')} ({', '.join(parts)})" if parts else "No findings"
    text = f"{found} in {_count(review.files, 'file')}, {review.lines:,} lines."
    fixable = sum(1 for finding in review.findings if finding.fix is not None and finding.fix.safe)
    if fixable:
        text += f" {fixable} can be fixed with --fix."
    if review.suppressed:
        text += f" {review.suppressed} suppressed by comments."
    if review.problems:
        text += f" {_count(len(review.problems), 'problem')} kept code from being reviewed."
    return text


def _finding(finding: Finding) -> str:
    place = f"{_plain(finding.path)}:{finding.line}:{finding.column}"
    lines = [f"{place}: {finding.severity.label.lower()} [{finding.rule}] {_plain(finding.message)}"]
    lines += _excerpt(finding)
    lines += _way(finding)
    lines += [f"  hot: {_plain(str(finding.heat))}"] if finding.heat else []
    if finding.fix is not None:
        kind = "fix" if finding.fix.safe else "suggestion"
        lines.append(f"  {kind}: {_plain(finding.fix.title)}")
    return "\n".join(lines)


def _way(finding: Finding) -> list[str]:
    """Where a value enters, how it flows, where it is used."""
    lines = []
    for number, step in enumerate(finding.steps):
        verb = (
            "enters here"
            if number == 0
            else "used here"
            if number == len(finding.steps) - 1
            else "flows here"
        )
        place = f"{_plain(step.path)}:{step.line}:{step.column}"
        lines.append(f"  {verb:<11} {place}: {_plain(step.note)}")
    return lines


def _excerpt(finding: Finding) -> list[str]:
    """The source line and, beneath it, carets; a long line is cut around the finding."""
    source = finding.source_line
    if not source.strip():
        return []
    start = finding.column - 1
    end = finding.end_column - 1 if finding.end_line == finding.line else len(source)
    left = 0 if len(source) <= WIDTH else max(0, start - WIDTH // 4)
    shown = source[left : left + WIDTH]
    before = _width(_plain(shown[: max(0, start - left)]))
    marked = _width(_plain(shown[max(0, start - left) : max(0, end - left)]))
    number = str(finding.line)
    gutter = " " * len(number)
    return [f"  {number} | {_plain(shown)}", f"  {gutter} | {' ' * before}{'^' * max(1, marked)}"]


def _problem(problem: Problem) -> str:
    place = f"{problem.path}:{problem.line}" if problem.line else problem.path
    return f"  {_plain(place)}: {_plain(problem.message)}" if place else f"  {_plain(problem.message)}"


def _plain(text: str) -> str:
    """Text safe to print: tabs widened, control characters (a terminal would obey them) shown as escapes."""
    text = text.replace("\t", " " * TAB)
    return "".join(c if unicodedata.category(c)[0] != "C" else f"\\u{ord(c):04x}" for c in text)


def _width(text: str) -> int:
    """Columns a terminal uses: wide East Asian characters take two, combining marks none."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
