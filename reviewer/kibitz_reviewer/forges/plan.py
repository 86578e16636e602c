"""The plan: which findings become inline comments, which go into the summary, and how either reads.

Nothing here knows a forge's interface; a forge says which lines can carry a comment, and posts what comes out.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from kibitz_reviewer.finding import Confidence, Edit, Finding
from kibitz_reviewer.forges.markdown import block, code, escaped
from kibitz_reviewer.forges.marker import HIDDEN, marker, shortened

MAX_INLINE = 10
MAX_PER_PULL = 25
MAX_FILES = 300
MAX_LISTED = 100
MAX_BODY = 60_000
MAX_MESSAGE = 2_000
MAX_PATH = 300
MAX_QUIET = 10
NOTHING: Mapping[str, str] = MappingProxyType({})
_HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+(\d+)(?:,\d+)? @@")

Hunks = Mapping[str, Mapping[int, int]]
"""For each path, the lines of the new file that are in the diff, each with the number of its hunk."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a forge's comments are written.

    ``max_body``: characters a comment may hold. ``suggestions``: how a replacement is offered: as a block over all of a
    comment's ``lines``, as an ``offset`` around the comment's one line, or only shown as a ``diff``.
    """

    max_body: int = MAX_BODY
    marker: str = HIDDEN
    suggestions: str = "lines"
    folds: bool = True

    @property
    def max_remembered(self) -> int:
        """How many fingerprints a summary has room for beside its text."""
        return int(self.max_body * 0.85) // 17


GITHUB_LIKE = Dialect()


@dataclass(frozen=True, slots=True)
class Comment:
    """One inline comment on ``line`` of the new file, or on ``start_line`` to ``line`` where a suggestion needs it."""

    path: str
    line: int
    start_line: int | None
    body: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to say inline, and the findings that only the summary can carry."""

    comments: tuple[Comment, ...]
    rest: tuple[Finding, ...]


def lines_of(patch: str) -> dict[int, int]:
    """The lines of the new file that ``patch`` (hunks, with or without a header) shows: line to hunk number."""
    lines: dict[int, int] = {}
    hunk, number = -1, 0
    for text in patch.split("\n"):
        start = _HUNK.match(text)
        if start:
            hunk, number = hunk + 1, int(start[1])
        elif hunk >= 0 and text[:1] in ("+", " "):
            lines[number] = hunk
            number += 1
    return lines


def rank(finding: Finding) -> tuple[float, str, int, int]:
    """Sort key: the findings most worth a person's time first, by severity x confidence x heat.

    Code that takes 0.1 %, 1 %, 10 % of a program's time weighs 1.3, 2 and 3 times as much as code that is cold or unknown.
    """
    heat = 1 + math.log10(1 + 1000 * finding.heat.share) if finding.heat else 1.0
    return (-finding.severity * finding.confidence * heat, finding.path, finding.line, finding.column)


def planned(
    findings: Iterable[Finding],
    hunks: Hunks,
    limit: int = MAX_INLINE,
    dialect: Dialect = GITHUB_LIKE,
    quiet: Collection[str] = (),
) -> Plan:
    """At most ``limit`` comments, one a line, the weightiest first; whatever cannot be inline is the rest.

    The findings of ``quiet`` rules are never inline.
    """
    by_line: dict[tuple[str, int], list[Finding]] = defaultdict(list)
    rest: list[Finding] = []
    for finding in sorted(findings, key=rank):
        weighty = finding.confidence > Confidence.LOW and finding.rule not in quiet
        inline = weighty and finding.line in hunks.get(finding.path, {})
        (by_line[finding.path, finding.line] if inline else rest).append(finding)
    groups = list(by_line.values())
    taken: dict[str, set[int]] = defaultdict(set)
    limit = max(0, limit)
    comments = [
        _comment(group, hunks[group[0].path], taken[group[0].path], dialect) for group in groups[:limit]
    ]
    for group in groups[limit:]:
        rest.extend(group)
    return Plan(tuple(comments), tuple(sorted(rest, key=rank)))


def summary(
    inline: int,
    rest: Sequence[Finding],
    dialect: Dialect = GITHUB_LIKE,
    kept: Iterable[str] = (),
    quiet: Mapping[str, str] = NOTHING,
) -> str:
    """The one text for the whole: a count, then the findings no line of the diff carries, remembered by the marker.

    ``kept``: fingerprints to go on remembering although nothing is said of them any more. ``quiet``: rules that are told
    nowhere else, each with why.
    """
    total = inline + len(rest)
    lines = [f"**Kibitz** found {total} thing{'s' if total != 1 else ''} worth a look."]
    if not total:
        lines = ["**Kibitz**: everything it found is fixed or answered ✓"]
    ordered = sorted(rest, key=rank)
    current = [shortened(finding.fingerprint) for finding in ordered]
    remembered = [*current, *sorted(set(kept).difference(current))][: dialect.max_remembered]
    tail = marker(remembered, style=dialect.marker, summary=True)
    room = dialect.max_body - len(tail)
    if rest:
        title = "Outside the changed lines, or beyond what fits inline"
        opening, closing = (
            (f"<details><summary>{title}</summary>", "</details>") if dialect.folds else (f"{title}:", "")
        )
        lines += ["", opening, "", *_listed(ordered, room - 2_000), "", closing]
        told = sorted({finding.rule for finding in rest}.intersection(quiet))[:MAX_QUIET]
        lines += ["", *(f"{code(rule)} is told only here: {escaped(quiet[rule])}." for rule in told)]
    return "\n".join(lines).rstrip() + f"\n\n{tail}"


def _listed(rest: Sequence[Finding], room: int) -> list[str]:
    lines: list[str] = []
    for count, finding in enumerate(rest):
        line = (
            f"- {code(finding.path[:MAX_PATH])}:{finding.line} **{finding.severity.label}** "
            f"{code(finding.rule)}: {escaped(finding.message[:MAX_MESSAGE])}"
        )
        line += f" (hot: {escaped(str(finding.heat)[:300])})" if finding.heat else ""
        room -= len(line) + 1
        if count == MAX_LISTED or room < 0:
            lines.append(f"- and {len(rest) - count} more: run `kibitz review` to see all of them.")
            break
        lines.append(line)
    return lines


def _comment(group: list[Finding], lines: Mapping[int, int], taken: set[int], dialect: Dialect) -> Comment:
    """The comment for the findings of one line, with the fix as a suggestion if there is one and it fits."""
    edit = _suggestable(group, lines, taken)
    first = group[0]
    parts = [_said(finding, dialect) for finding in group]
    start_line, line = None, first.line
    if edit is not None:
        taken.update(range(edit.line, edit.end_line + 1))
        if dialect.suggestions == "lines":
            line = edit.end_line
            start_line = edit.line if edit.line < line else None
        parts.append(_suggestion(group, edit, dialect))
    tail = marker((finding.fingerprint for finding in group), style=dialect.marker)
    body = _cut("\n\n".join(parts), dialect.max_body - len(tail) - 2)
    return Comment(first.path, line, start_line, f"{body}\n\n{tail}", tuple(group))


def _said(finding: Finding, dialect: Dialect) -> str:
    weaknesses = "".join(f" · CWE-{number}" for number in finding.cwe)
    small, end = ("<sub>", "</sub>") if dialect.folds else ("", "")
    hot = f"**Hot:** {_heat(finding)}.\n\n" if finding.heat else ""
    return (
        f"**{finding.severity.label}** {escaped(finding.message[:MAX_MESSAGE])}\n\n{hot}"
        f"{small}{finding.category} · {code(finding.rule)}{weaknesses} · "
        f"silence with {code(f'# kibitz: ignore[{finding.rule}] reason')} "
        f"or the reply {code('/kibitz ignore reason')}{end}"
    )


def _heat(finding: Finding) -> str:
    """``12 % of CPU time in shop in the last 7 days goes through add``."""
    place = code(finding.scope or "this module")
    return f"{escaped(str(finding.heat)[:300])} goes through {place}"


def _suggestable(group: list[Finding], lines: Mapping[int, int], taken: set[int]) -> Edit | None:
    """The one plain replacement of commented lines, inside one hunk and not overlapping another, or None."""
    fixes = [finding.fix for finding in group if finding.fix is not None]
    if len(fixes) != 1 or len(fixes[0].edits) != 1:
        return None
    edit = fixes[0].edits[0]
    covered = range(edit.line, edit.end_line + 1)
    if group[0].line not in covered or len(edit.text) > MAX_BODY // 4:
        return None
    one_hunk = len({lines.get(number, -1) for number in covered}) == 1
    return edit if one_hunk and not taken.intersection(covered) else None


def _suggestion(group: list[Finding], edit: Edit, dialect: Dialect) -> str:
    fix = next(finding.fix for finding in group if finding.fix is not None)
    caution = "" if fix.safe else " (read it before you apply it)"
    return f"{escaped(fix.title)}{caution}:\n\n{_replacement(group[0].line, edit, dialect)}"


def _replacement(line: int, edit: Edit, dialect: Dialect) -> str:
    """The block a person can apply, or only read where the forge has no such thing."""
    if dialect.suggestions == "lines":
        return block(edit.text, "suggestion")
    if dialect.suggestions == "offset":
        return block(edit.text, f"suggestion:-{line - edit.line}+{edit.end_line - line}")
    return block("".join(f"+{text}\n" for text in edit.text.splitlines()), "diff")


def _cut(body: str, room: int) -> str:
    """``body``, or as much as a comment may hold: a cut inside a fenced block would swallow the marker."""
    return body if len(body) <= room else body.replace("```", "'''")[: room - 20] + " (cut)"
