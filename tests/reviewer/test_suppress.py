"""Suppression comments, ours and those of other tools."""

from __future__ import annotations

import pytest

from kibitz_reviewer.finding import Finding, Severity
from kibitz_reviewer.suppress import keep, suppressions


def covered(source: str, line: int = 1, rule: str = "weak-hash", category: str = "security") -> bool:
    finding = Finding(rule, "a.py", line, 1, line, 2, "m", Severity.LOW, category)
    return suppressions(source).cover(finding)


@pytest.mark.parametrize(
    "comment",
    [
        "# kibitz: ignore[weak-hash] it is a checksum",
        "# kibitz: ignore[other, weak-hash]",
        "# kibitz: ignore",
        "# noqa",
        "# noqa: S324",
        "# NOQA:S324,E501",
        "# nosec",
        "# nosec B303",
        "# type: ignore # kibitz: ignore[weak-hash]",
    ],
)
def test_comment_on_the_line_covers_it(comment: str) -> None:
    assert covered(f"md5(x)  {comment}\n")


@pytest.mark.parametrize(
    "comment",
    [
        "# kibitz: ignore[other]",
        "# kibitz: ignore[]",
        "# kibitz",
        "# noqa: E501",
        "# pylint: disable=unreachable",
        "# nosecurity",
        "# noqaish",
    ],
)
def test_comment_about_something_else_covers_nothing(comment: str) -> None:
    assert not covered(f"md5(x)  {comment}\n")


def test_comment_alone_covers_the_next_line_of_code() -> None:
    source = "# kibitz: ignore[weak-hash] why\n# more words\nmd5(x)\nmd5(y)\n"
    assert covered(source, 3)
    assert not covered(source, 4)


def test_comment_inside_a_string_covers_nothing() -> None:
    assert not covered("md5('# kibitz: ignore')\n")


def test_ignore_file_covers_every_line() -> None:
    assert covered("# kibitz: ignore-file\n\nmd5(x)\n", 3)
    assert covered("# kibitz: ignore-file[weak-hash]\n\nmd5(x)\n", 3)
    assert not covered("# kibitz: ignore-file[other]\n\nmd5(x)\n", 3)


def test_pylint_comment_covers_its_message_and_the_rule_that_stands_for_it() -> None:
    source = "def f(a=[]):  # pylint: disable=dangerous-default-value\n    pass\n"
    assert covered(source, 1, "pylint-dangerous-default-value", "correctness")
    assert covered(source, 1, "mutable-default", "correctness")
    assert not covered(source, 1, "pylint-unreachable", "correctness")


def test_nosec_is_about_security_alone() -> None:
    assert not covered("f(x)  # nosec\n", 1, "mutable-default", "correctness")


def test_keep_counts_what_it_leaves_out() -> None:
    findings = [Finding("r", "a.py", n, 1, n, 2, "m", Severity.LOW, "security") for n in (1, 2)]
    kept, count = keep(findings, suppressions("a  # noqa\nb\n"))
    assert ([f.line for f in kept], count) == ([2], 1)


def test_a_comment_that_answers_nothing_is_reported() -> None:
    from kibitz_reviewer.runner import review_source

    text = (
        "import yaml\nx = 1  # kibitz: ignore[unsafe-yaml-load] ours\nyaml.load(s)  # kibitz: ignore ours\n"
    )
    assert [(f.rule, f.line) for f in review_source(text, "a.py").findings] == [("unused-suppression", 2)]


@pytest.mark.parametrize("comment", ["# flake8: noqa", "# ruff: noqa", "# ruff: noqa: S324"])
def test_noqa_for_a_file_covers_every_line(comment: str) -> None:
    assert covered(f"x = 1\n{comment}\nmd5(x)\n", 3)


def test_pylint_alone_on_a_line_covers_to_the_end_of_its_block() -> None:
    source = "def f():\n    # pylint: disable=unreachable\n    return 1\n\n    x = 2\n\ndef g():\n    return 1\n    x = 2\n"
    lines = [n for n in range(1, 11) if covered(source, n, "pylint-unreachable", "correctness")]
    assert lines == [2, 3, 4, 5, 6]


def test_pylint_enable_ends_what_disable_began() -> None:
    source = "# pylint: disable=unreachable\nx = 1\n# pylint: enable=unreachable\ny = 1\n"
    lines = [n for n in range(1, 5) if covered(source, n, "pylint-unreachable", "correctness")]
    assert lines == [1, 2]


def test_pylint_skip_file_and_disable_next_reach_as_far_as_they_say() -> None:
    assert covered("# pylint: skip-file\nx\ny\n", 3, "pylint-unreachable", "correctness")
    source = "# pylint: disable-next=unreachable\nx\ny\n"
    assert covered(source, 2, "pylint-unreachable", "correctness")
    assert not covered(source, 3, "pylint-unreachable", "correctness")


def test_a_published_id_names_the_rule_that_covers_it() -> None:
    assert covered("f(x)  # kibitz: ignore[python/sql-injection@v1.0]\n", 1, "sql-injection")


def unused_in(text: str) -> list[tuple[int, str]]:
    from kibitz_reviewer.runner import review_source

    return [
        (f.line, f.message) for f in review_source(text, "a.py").findings if f.rule == "unused-suppression"
    ]


def test_of_several_rules_the_one_that_answers_nothing_is_named() -> None:
    text = "import yaml\nyaml.load(s)  # kibitz: ignore[unsafe-yaml-load, weak-hash] ours\n"
    assert unused_in(text) == [(2, "This comment answers no finding of weak-hash. Take it away.")]


def test_a_comment_for_the_file_that_answers_nothing_is_reported() -> None:
    assert [line for line, _ in unused_in("# kibitz: ignore-file[weak-hash]\nx = 1\n")] == [1]
    assert unused_in("# kibitz: ignore-file[unsafe-yaml-load]\nimport yaml\nyaml.load(s)\n") == []


def test_what_is_found_elsewhere_later_is_not_called_unused() -> None:
    assert unused_in("x = 1  # kibitz: ignore[pylint-unreachable, duplicate-code]\n") == []
