"""The rules' documentation is what the rules say."""

from __future__ import annotations

import json

from kibitz_reviewer import docs
from kibitz_reviewer.rule import all_rules, rule_named


def test_rules_page_is_current() -> None:
    assert docs.PAGE.read_text(encoding="utf-8") == docs.page(all_rules()), (
        "run python -m kibitz_reviewer.docs"
    )


def test_json_lists_what_scripts_rely_on() -> None:
    for entry in json.loads(docs.as_json(all_rules())):
        assert {"id", "name", "category", "severity", "confidence", "cwe", "aliases"} <= set(entry)
        assert all(isinstance(number, int) for number in entry["cwe"])


def test_a_rule_is_found_by_its_alias_with_and_without_version() -> None:
    for rule in all_rules():
        for alias in rule.aliases:
            assert rule_named(alias) is not None
            assert rule_named(alias.partition("@")[0]) is not None


def test_explanation_keeps_the_indentation_of_examples() -> None:
    for rule in all_rules():
        assert rule.summary in docs.explanation(rule)
        for example in rule.noncompliant:
            marked = next(
                line.strip() for line in example.splitlines() if line.rstrip().endswith("# finding")
            )
            assert marked in docs.explanation(rule)


def test_closest_names_the_rule_that_was_meant() -> None:
    rule = all_rules()[0]
    assert rule.id in docs.closest(rule.id + "x")
    assert docs.closest("zzzzzzzz") == ""
