"""Fixes, made to every snippet of the corpus and every example of a rule: nothing breaks, and once made they are done."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from kibitz_reviewer.fixes import apply_edits, compatible
from kibitz_reviewer.rule import all_rules
from kibitz_reviewer.runner import Review, review_source

CORPUS = Path(__file__).parent / "corpus"
MARK = re.compile(r"# finding: [\w, -]+$")
ROUNDS = 6


def sources() -> list[tuple[str, str]]:
    """What is fixed: the names and texts of snippets and examples, without their marks."""
    found = []
    for file in sorted(CORPUS.glob("*.txt")):
        for number, block in enumerate(file.read_text(encoding="utf-8").split("\n=== ")[1:]):
            lines = [MARK.sub("", line).rstrip() for line in block.split("\n")[1:]]
            found.append((f"{file.name} {number}", "\n".join(lines)))
    for rule in all_rules():
        examples = [textwrap.dedent(example).strip("\n") + "\n" for example in rule.noncompliant]
        found += [(rule.id, example.replace("  # finding", "")) for example in examples]
    return found


@cache
def fixed() -> list[tuple[str, str, Review, str, Review]]:
    """Each source that has fixes: its name, text and review, then the text with all that go together, and its review."""
    made = []
    for name, source in sources():
        before = review_source(source, "app.py")
        edits = compatible(finding.fix for finding in before.findings if finding.fix is not None)
        if edits:
            after = apply_edits(source, edits)
            made.append((name, source, before, after, review_source(after, "app.py")))
    return made


def test_fixes_are_offered_throughout_the_corpus() -> None:
    kinds = {f.rule for _, _, before, _, _ in fixed() for f in before.findings if f.fix is not None}
    assert len(fixed()) >= 240
    assert len(kinds) >= 50


def test_no_file_is_broken_by_its_fixes() -> None:
    for name, _, _, after, review in fixed():
        assert review.problems == [], (name, after)
        compile(after, name, "exec", dont_inherit=True)


def test_a_fixed_file_has_fewer_findings_of_the_rules_that_were_fixed() -> None:
    for name, _, before, after, review in fixed():
        rules = {f.rule for f in before.findings if f.fix is not None}
        count = [sum(f.rule in rules for f in r.findings) for r in (before, review)]
        assert count[1] < count[0], (name, after)


def test_a_fix_brings_no_finding_of_another_rule_that_is_as_grave() -> None:
    for name, _, before, after, review in fixed():
        gravest = max(f.severity for f in before.findings if f.fix is not None)
        old = Counter(f.rule for f in before.findings)
        new = Counter(f.rule for f in review.findings if f.severity >= gravest)
        assert not new - old, (name, new - old, after)


def test_fixing_comes_to_an_end() -> None:
    for name, source, _, _, _ in fixed():
        text = source
        for _ in range(ROUNDS):
            findings = review_source(text, "app.py").findings
            edits = compatible(f.fix for f in findings if f.fix is not None)
            if not edits:
                break
            text = apply_edits(text, edits)
        else:
            pytest.fail(f"{name}: still fixing after {ROUNDS} rounds\n{text}")


#: By rule a source and what its fix makes of it.
MADE = [
    (
        "frozen-assignment",
        (
            "import dataclasses\n\n@dataclasses.dataclass(frozen=True)\nclass A:\n    x: int\n\n"
            "    def __post_init__(self):\n        self.x = abs(self.x)\n"
        ),
        'object.__setattr__(self, "x", abs(self.x))',
    ),
    (
        "dataclass-field-order",
        "import dataclasses\n\n@dataclasses.dataclass\nclass A:\n    x: int = 0\n    y: int\n",
        "@dataclasses.dataclass(kw_only=True)",
    ),
    ("unhashable-member", "KEYS = {[1]: 'one', [2, 3]: 'more'}\n", "KEYS = {(1,): 'one', (2, 3): 'more'}"),
    (
        "isinstance-of-generic",
        "def f(x):\n    return isinstance(x, (list[int], str))\n",
        "isinstance(x, (list, str))",
    ),
    (
        "leaky-subprocess-timeout",
        (
            "import subprocess\n\ndef f(c):\n    p = subprocess.Popen(c)\n    try:\n        p.wait(timeout=1)\n"
            "    except subprocess.TimeoutExpired:\n        pass\n"
        ),
        "TimeoutExpired:\n        p.kill()\n        p.wait()\n",
    ),
]


@pytest.mark.parametrize(("rule", "source", "wanted"), MADE, ids=[rule for rule, _, _ in MADE])
def test_a_fix_makes_what_the_rule_asks_for(rule: str, source: str, wanted: str) -> None:
    findings = [f for f in review_source(source, "app.py").findings if f.rule == rule]
    edits = compatible(f.fix for f in findings if f.fix is not None)
    fixed_source = apply_edits(source, edits)
    assert wanted in fixed_source
    assert rule not in {f.rule for f in review_source(fixed_source, "app.py").findings}
