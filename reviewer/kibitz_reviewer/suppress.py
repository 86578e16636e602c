"""Suppression comments: which findings a file's author has already answered.

``# kibitz: ignore[rule-id, other] reason`` on the finding's line, or alone on the line above it; without brackets it
covers every rule. ``# kibitz: ignore-file`` (or ``ignore-file[rule-id]``) covers the file. Comments of other tools count
where they say the same: a bare ``# noqa`` covers the line, ``# noqa: S608`` and ``# nosec`` what is about security,
``# pylint: disable=symbol`` the message and the rule of ours that stands for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from kibitz_reviewer.engines.index import Module, comments_of
from kibitz_reviewer.engines.pylint import MESSAGES
from kibitz_reviewer.finding import Finding, Severity
from kibitz_reviewer.rule import rule_named

EVERYTHING = "*"
UNUSED = "unused-suppression"
SECURITY = "category:security"

_HINT = re.compile(r"\b(?:kibitz|noqa|nosec|pylint)\b", re.IGNORECASE)
_OURS = re.compile(r"#\s*kibitz:\s*(?P<what>ignore-file|ignore)\b\s*(?:\[(?P<rules>[^\]]*)\])?")
_NOQA = re.compile(r"#\s*noqa(?P<codes>:\s*[A-Z]+[0-9]+(?:[,\s]+[A-Z]+[0-9]+)*)?", re.IGNORECASE)
_NOSEC = re.compile(r"#\s*nosec\b")
_PYLINT = re.compile(r"#\s*pylint:\s*disable(?:-next)?=(?P<names>[\w,\s-]+)")


@dataclass(slots=True)
class Suppressions:
    """What a file suppresses: rule ids (or ``*``) for the whole file and by line."""

    whole_file: set[str] = field(default_factory=set)
    lines: dict[int, set[str]] = field(default_factory=dict)
    #: Our own comments: the line each stands on, the lines it answers for, the rules it names.
    ours: list[tuple[int, tuple[int, ...], frozenset[str]]] = field(default_factory=list)

    def cover(self, finding: Finding) -> bool:
        """Whether a comment answers ``finding``."""
        here = self.lines.get(finding.line, set()) | self.lines.get(finding.end_line, set())
        keys = {EVERYTHING, finding.rule, f"category:{finding.category}"}
        return bool(keys & (self.whole_file | here))


def suppressions(source: str) -> Suppressions:
    """The suppressions in a file's comments; text inside strings is not a comment."""
    result = Suppressions()
    if not _HINT.search(source):
        return result
    lines = source.split("\n")
    code = _code_below(lines)
    for number, comment in comments_of(source).items():
        alone = lines[number - 1].lstrip().startswith("#")
        covers = (number, code[number]) if alone else (number,)
        for rules, whole_file in _read(comment):
            if whole_file:
                result.whole_file |= rules
            else:
                if _OURS.search(comment) and rules and not any(_is_told_later(r) for r in rules):
                    result.ours.append((number, covers, frozenset(rules)))
                for line in covers:
                    result.lines.setdefault(line, set()).update(rules)
    return result


def keep(findings: Iterable[Finding], found: Suppressions) -> tuple[list[Finding], int]:
    """The findings no comment answers, and how many were."""
    findings = list(findings)
    kept = [finding for finding in findings if not found.cover(finding)]
    return kept, len(findings) - len(kept)


def unused(module: Module, hints: Suppressions, findings: Iterable[Finding]) -> list[Finding]:
    """A finding for each of our comments that answers nothing: the code has changed, or the rule's name is wrong."""
    answered = [(line, f.rule) for f in findings for line in {f.line, f.end_line}]
    found = []
    for number, covered, rules in hints.ours:
        if any(line in covered and (EVERYTHING in rules or rule in rules) for line, rule in answered):
            continue
        text = module.line(number)
        column = text.find("# kibitz") + 1 or text.find("#") + 1
        named = "" if EVERYTHING in rules else f" of {', '.join(sorted(rules))}"
        found.append(
            Finding(
                rule=UNUSED,
                path=module.path,
                line=number,
                column=column,
                end_line=number,
                end_column=len(text) + 1,
                message=f"This comment answers no finding{named}. Take it away.",
                severity=Severity.INFO,
                category="correctness",
                snippet=text[column - 1 :],
                source_line=text,
            )
        )
    return found


def _is_told_later(rule: str) -> bool:
    """Whether findings of the rule come after those of the file: a comment for them may well look unused."""
    known = rule_named(rule)
    return rule.startswith("pylint-") or (known is not None and known.across)


def _read(comment: str) -> Iterable[tuple[set[str], bool]]:
    """(rule ids, whether for the whole file) of each suppression in one comment."""
    for match in _OURS.finditer(comment):
        names = {name.strip() for name in (match["rules"] or "").split(",")} - {""}
        # Empty brackets name no rule, and so suppress none.
        yield (names if match["rules"] is not None else {EVERYTHING}), match["what"] == "ignore-file"
    for match in _NOQA.finditer(comment):
        if not match["codes"]:
            yield {EVERYTHING}, False
        else:
            yield _of_codes(re.findall(r"[A-Z]+[0-9]+", match["codes"].upper())), False
    if _NOSEC.search(comment):
        yield {SECURITY}, False
    for match in _PYLINT.finditer(comment):
        yield _of_pylint(name.strip() for name in match["names"].split(",")), False


def _of_codes(codes: Iterable[str]) -> set[str]:
    """What the codes of other linters stand for here: S (bandit's) is security, PL is pylint."""
    rules: set[str] = set()
    for code in codes:
        if re.fullmatch(r"S\d+", code):
            rules.add(SECURITY)
        elif re.fullmatch(r"PL[CEFRW]\d+", code):
            rules |= _of_pylint([code[2:]])
    return rules


def _of_pylint(names: Iterable[str]) -> set[str]:
    wanted = set(names)
    rules: set[str] = set()
    for message in MESSAGES.values():
        if wanted & {message.symbol, message.code, "all"}:
            rules |= {message.rule, *message.ours}
    return rules


def _code_below(lines: list[str]) -> list[int]:
    """For each line by its number the next below it that is more than a comment."""
    below = len(lines) + 1
    found = [below] * (len(lines) + 1)
    for number in range(len(lines), 0, -1):
        found[number] = below
        if not lines[number - 1].lstrip().startswith("#"):
            below = number
    return found
