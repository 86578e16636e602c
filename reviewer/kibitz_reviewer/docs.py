"""The rules' documentation, all of it made from the rules: RULES.md, `kibitz rules`, JSON.

``python -m kibitz_reviewer.docs`` writes RULES.md anew; a test compares it with what the rules say.
"""

from __future__ import annotations

import difflib
import json
import textwrap
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from kibitz_reviewer.rule import Applicability, Rule, all_rules

PAGE = Path(__file__).resolve().parent.parent / "RULES.md"


def page(rules: Sequence[Rule]) -> str:
    """RULES.md: a table, then a section for each rule."""
    parts = [
        # The examples are shown as the rules hold them, whatever formatter passes by.
        "<!-- fmt: off -->",
        "# Rules",
        f"The {len(rules)} rules of `kibitz review`; `kibitz rules ID` shows one in the terminal.",
        "Made from the rules themselves by `python -m kibitz_reviewer.docs`.",
        "A comment `# kibitz: ignore[ID] reason` on the line answers a finding.",
    ]
    for category, members in groupby(rules, key=lambda rule: rule.category):
        here = list(members)
        parts.append(f"## {category.capitalize()}")
        rows = [
            f"| [{r.id}](#{r.id}) | {r.severity.label} | {r.summary.replace('|', chr(92) + '|')} |"
            for r in here
        ]
        parts.append("\n".join(["| rule | severity | finds |", "|---|---|---|", *rows]))
        parts += [_section(rule) for rule in here]
    return "\n\n".join(parts) + "\n"


def listing(rules: Iterable[Rule]) -> str:
    """One line per rule, by category."""
    lines: list[str] = []
    for category, members in groupby(rules, key=lambda rule: rule.category):
        lines += [f"{category}:", *(f"  {r.id:<34} {r.severity.label:<9} {r.summary}" for r in members)]
    return "\n".join(lines) + "\n"


def explanation(rule: Rule) -> str:
    """A rule for a terminal: facts, documentation, examples."""
    parts = [
        f"{rule.id}: {rule.name}",
        "\n".join(f"{key}: {value}" for key, value in _facts(rule)),
        rule.help,
    ]
    for title, examples in (("Noncompliant", rule.noncompliant), ("Compliant", rule.compliant)):
        parts += [f"{title}:\n\n{textwrap.indent(_code(example), '    ')}" for example in examples]
    return "\n\n".join(parts) + "\n"


def as_json(rules: Iterable[Rule], *, single: bool = False) -> str:
    """Rules as a JSON list (or one object): id, name, category, severity, confidence, cwe, aliases, and what they say."""
    described = [_described(rule) for rule in rules]
    return json.dumps(described[0] if single else described, indent=2) + "\n"


def closest(identifier: str) -> str:
    """A hint at the rule that may have been meant; empty if none is near."""
    near = difflib.get_close_matches(identifier.lower(), [rule.id for rule in all_rules()], n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def _described(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": rule.name,
        "category": rule.category,
        "severity": rule.severity.label,
        "confidence": rule.confidence.label,
        "cwe": list(rule.cwe),
        "aliases": list(rule.aliases),
        "summary": rule.summary,
        "fix": None if rule.fix is None else rule.fix.value,
    }


def _facts(rule: Rule) -> list[tuple[str, str]]:
    facts = [("severity", rule.severity.label), ("confidence", rule.confidence.label)]
    if rule.cwe:
        facts.append(("weakness", ", ".join(f"CWE-{number}" for number in rule.cwe)))
    if rule.aliases:
        facts.append(("covers", ", ".join(rule.aliases)))
    if rule.fix is not None:
        how = "with --fix" if rule.fix is Applicability.SAFE else "as a suggestion"
        facts.append(("fix", f"{rule.fix_title or 'yes'} ({how})"))
    return facts


def _code(example: str) -> str:
    return textwrap.dedent(example).strip("\n")


def _section(rule: Rule) -> str:
    parts = [f"### {rule.id}", " · ".join(f"{key}: {value}" for key, value in _facts(rule)), rule.help]
    for title, examples in (("Noncompliant:", rule.noncompliant[:1]), ("Compliant:", rule.compliant[:1])):
        parts += [f"{title}\n\n```python\n{_code(example)}\n```" for example in examples]
    return "\n\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(all_rules()), encoding="utf-8")
