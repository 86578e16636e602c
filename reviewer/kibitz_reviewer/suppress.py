"""Suppression comments: which findings a file's author has already answered.

``# kibitz: ignore[rule-id, other] reason`` on the finding's line, or alone on the line above it; without brackets it
covers every rule, and a published detector id names the rule that covers it. ``# kibitz: ignore-file`` (or
``ignore-file[rule-id]``) covers the file. Comments of other tools count where they say the same: a bare ``# noqa`` covers
the line, ``# noqa: S608`` and ``# nosec`` what is about security, ``# flake8: noqa`` and ``# ruff: noqa`` the file,
``# pylint: disable=symbol`` the message and the rule of ours that stands for it: on its line, or alone on a line, as pylint
has it, to the end of the block.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kibitz_reviewer.engines.index import Module, comments_of
from kibitz_reviewer.engines.pylint import MESSAGES
from kibitz_reviewer.finding import Finding, Severity
from kibitz_reviewer.rule import rule_named, rules_named

EVERYTHING = "*"
UNUSED = "unused-suppression"
SECURITY = "category:security"

_HINT = re.compile(r"\b(?:kibitz|noqa|nosec|pylint)\b", re.IGNORECASE)
_OURS = re.compile(r"#\s*kibitz:\s*(?P<what>ignore-file|ignore)\b\s*(?:\[(?P<rules>[^\]]*)\])?")
_NOQA = re.compile(
    r"#\s*(?P<file>(?:ruff|flake8):\s*)?noqa(?P<codes>:\s*[A-Z]+[0-9]+(?:[,\s]+[A-Z]+[0-9]+)*)?",
    re.IGNORECASE,
)
_NOSEC = re.compile(r"#\s*nosec\b")
_PYLINT = re.compile(
    r"#\s*pylint:\s*(?P<what>skip-file|disable-next|disable|enable)\b(?:\s*=\s*(?P<names>[\w,\s-]+))?"
)


@dataclass(slots=True)
class Suppressions:
    """What a file suppresses: rule ids (or ``*``) for the whole file and by line."""

    whole_file: set[str] = field(default_factory=set)
    lines: dict[int, set[str]] = field(default_factory=dict)
    #: Our own comments: the line each stands on, the lines it answers for, the rules it names.
    ours: list[tuple[int, frozenset[int], frozenset[str]]] = field(default_factory=list)

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
    comments = comments_of(source)
    blocks: list[tuple[int, set[str]]] = []
    for number, comment in comments.items():
        alone = lines[number - 1].lstrip().startswith("#")
        near = frozenset((number, code[number]) if alone else (number,))
        for rules, scope in _read(comment):
            if scope is _Scope.BLOCK and alone:
                blocks.append((number, rules))
                continue
            if scope is _Scope.FILE:
                result.whole_file |= rules
            else:
                for line in {code[number]} if scope is _Scope.NEXT else near:
                    result.lines.setdefault(line, set()).update(rules)
            if _OURS.search(comment):
                covered = frozenset(range(len(lines) + 2)) if scope is _Scope.FILE else near
                result.ours.append((number, covered, frozenset(r for r in rules if not _is_told_later(r))))
    if blocks:
        _cover_blocks(blocks, lines, comments, result)
    return result


def keep(findings: Iterable[Finding], found: Suppressions) -> tuple[list[Finding], int]:
    """The findings no comment answers, and how many were."""
    findings = list(findings)
    kept = [finding for finding in findings if not found.cover(finding)]
    return kept, len(findings) - len(kept)


def unused(module: Module, hints: Suppressions, findings: Iterable[Finding]) -> list[Finding]:
    """A finding for each of our comments with a rule that answers nothing: the code has changed, or the name is wrong."""
    answered = [(line, f.rule) for f in findings for line in {f.line, f.end_line}]
    found = []
    for number, covered, rules in hints.ours:
        here = {rule for line, rule in answered if line in covered}
        idle = (set() if here else {EVERYTHING}) if EVERYTHING in rules else set(rules - here)
        if not idle:
            continue
        text = module.line(number)
        column = text.find("# kibitz") + 1 or text.find("#") + 1
        named = "" if EVERYTHING in idle else f" of {', '.join(sorted(idle))}"
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


class _Scope(enum.Enum):
    """How far a comment reaches: its line and, if it stands alone, the next of code; only that; its block; the file."""

    LINE = enum.auto()
    NEXT = enum.auto()
    BLOCK = enum.auto()
    FILE = enum.auto()


def _read(comment: str) -> Iterable[tuple[set[str], _Scope]]:
    """The rules, and how far, of each suppression in one comment."""
    for match in _OURS.finditer(comment):
        given = (name.strip() for name in (match["rules"] or "").split(","))
        names = {rule for name in given if name for rule in _ids(name)}
        scope = _Scope.FILE if match["what"] == "ignore-file" else _Scope.LINE
        # Empty brackets name no rule, and so suppress none.
        yield (names if match["rules"] is not None else {EVERYTHING}), scope
    for match in _NOQA.finditer(comment):
        scope = _Scope.FILE if match["file"] else _Scope.LINE
        codes = re.findall(r"[A-Z]+[0-9]+", (match["codes"] or "").upper())
        yield (_of_codes(codes) if codes else {EVERYTHING}), scope
    if _NOSEC.search(comment):
        yield {SECURITY}, _Scope.LINE
    for match in _PYLINT.finditer(comment):
        names = {name.strip() for name in (match["names"] or "").split(",")}
        if match["what"] == "skip-file":
            yield _of_pylint({"all"}), _Scope.FILE
        elif match["what"] != "enable":
            yield _of_pylint(names), _Scope.NEXT if match["what"] == "disable-next" else _Scope.BLOCK


def _cover_blocks(
    blocks: Iterable[tuple[int, set[str]]],
    lines: list[str],
    comments: Mapping[int, str],
    result: Suppressions,
) -> None:
    """Cover what pylint's comments that stand alone reach: to the end of their block, or to where it is enabled again."""
    enabled = {
        number: _of_pylint({name.strip() for name in (match["names"] or "").split(",")})
        for number, comment in comments.items()
        if (match := _PYLINT.search(comment)) and match["what"] == "enable"
    }
    for number, rules in blocks:
        indent = len(lines[number - 1]) - len(lines[number - 1].lstrip())
        left = set(rules)
        for line in range(number, len(lines) + 1):
            text = lines[line - 1]
            code = text.lstrip()
            if code and not code.startswith("#") and len(text) - len(code) < indent:
                break
            left -= enabled.get(line, set())
            if not left:
                break
            result.lines.setdefault(line, set()).update(left)


def _ids(name: str) -> set[str]:
    """The rules that ``name`` means; itself if it is none of ours."""
    return {rule.id for rule in rules_named(name)} or {name}


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
