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
