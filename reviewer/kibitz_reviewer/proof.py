"""Whether a rule finds in its own examples what their marks say, no more and no less."""

from __future__ import annotations

import textwrap

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.parsing import UnparsableError
from kibitz_reviewer.rule import MARK, Rule

MIN_NONCOMPLIANT, MIN_COMPLIANT = 1, 2


def differences(rule: Rule) -> list[str]:
    """What is wrong with a rule by its own examples and words, a sentence each; empty if nothing is."""
    found = []
    if not rule.summary.endswith("."):
        found.append("the docstring's first line says in a sentence, with its full stop, what the rule finds")
    if len(rule.noncompliant) < MIN_NONCOMPLIANT or len(rule.compliant) < MIN_COMPLIANT:
        found.append(
            f"expected {MIN_NONCOMPLIANT} noncompliant and {MIN_COMPLIANT} compliant examples at least, "
            f"got {len(rule.noncompliant)} and {len(rule.compliant)}"
        )
    for kind, examples in (("noncompliant", rule.noncompliant), ("compliant", rule.compliant)):
        for number, example in enumerate(examples, 1):
            reason = _difference(rule, example, is_marked=kind == "noncompliant")
            if reason:
                found.append(f"{kind} example {number}: {reason}")
    return found


def found_lines(rule: Rule, example: str) -> list[int]:
    """The first lines of what a rule finds in an example."""
    module = Module(textwrap.dedent(example), "example.py")
    if not rule.wants(module.source, module.words):
        return []
    return sorted(finding.line for finding in rule.check(module))


def marked_lines(example: str) -> list[int]:
    """The lines of an example that end in the mark."""
    lines = textwrap.dedent(example).split("\n")
    return [number for number, line in enumerate(lines, 1) if line.rstrip().endswith(MARK)]


def _difference(rule: Rule, example: str, *, is_marked: bool) -> str:
    wanted = marked_lines(example)
    if is_marked and not wanted:
        return f"no line ends in `{MARK}`"
    if not is_marked and wanted:
        return f"line {wanted[0]} ends in `{MARK}`, but nothing is to be found here"
    try:
        got = found_lines(rule, example)
    except UnparsableError as error:
        return f"does not parse: {error} (line {error.line})"
    except Exception as error:
        return f"check failed: {type(error).__name__}: {error}"
    if got == wanted:
        return ""
    return f"expected findings on {_lines(wanted)}, found {_lines(got)}"


def _lines(numbers: list[int]) -> str:
    if not numbers:
        return "none"
    return ("line " if len(numbers) == 1 else "lines ") + ", ".join(map(str, numbers))
