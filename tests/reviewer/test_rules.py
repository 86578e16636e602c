"""Every rule proves itself by its own examples."""

from __future__ import annotations

import re
import textwrap
from collections import Counter

import pytest

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import MARK, Rule, all_rules

CATEGORIES = {"security", "correctness", "performance", "resources", "aws", "ml", "notebooks", "duplication"}
ALIAS = re.compile(r"\S+/[a-zA-Z0-9-]+@v\d+\.\d+")

RULES = pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.id)


def found(rule: Rule, source: str) -> list[int]:
    module = Module(textwrap.dedent(source), "example.py")
    if not rule.wants(module.source, module.words):
        return []
    return sorted(finding.line for finding in rule.check(module))


def marked(source: str) -> list[int]:
    lines = textwrap.dedent(source).split("\n")
    return [number for number, line in enumerate(lines, 1) if line.rstrip().endswith(MARK)]


@RULES
def test_rule_finds_exactly_the_marked_lines(rule: Rule) -> None:
    for source in rule.noncompliant:
        assert marked(source), f"no line ends in {MARK!r}:\n{source}"
        assert found(rule, source) == marked(source), source


@RULES
def test_rule_is_silent_on_compliant_code(rule: Rule) -> None:
    for source in rule.compliant:
        assert found(rule, source) == [], source


@RULES
def test_rule_has_examples_and_documentation(rule: Rule) -> None:
    assert len(rule.noncompliant) >= 1
    assert len(rule.compliant) >= 2
    assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", rule.id)
    assert rule.category in CATEGORIES
    assert rule.summary.endswith("."), rule.summary
    assert len(rule.help) > len(rule.summary), "one line does not explain a rule"
    assert all(ALIAS.fullmatch(alias) for alias in rule.aliases), rule.aliases


def test_no_two_rules_share_an_id() -> None:
    assert [name for name, count in Counter(rule.id for rule in all_rules()).items() if count > 1] == []
