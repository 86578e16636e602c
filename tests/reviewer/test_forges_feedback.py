"""A rule that people reject again and again keeps out of their lines, and says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kibitz_reviewer.finding import Finding, Severity, fingerprinted
from kibitz_reviewer.forges.feedback import LEAST_SAID, Feedback
from kibitz_reviewer.forges.pipeline import Manner
from kibitz_reviewer.posting import post
from kibitz_reviewer.runner import Review

PATCH = "@@ -0,0 +1,30 @@\n" + "".join(f"+line {n}\n" for n in range(1, 31))


def pairs(count: int, rule: str = "mutable-default") -> list[tuple[str, str]]:
    return [(f"{rule}{n}", rule) for n in range(count)]


def test_a_rule_is_demoted_for_more_than_three_in_ten(tmp_path: Path) -> None:
    feedback = Feedback(tmp_path / "f")
    feedback.record(pairs(LEAST_SAID), pairs(6))
    assert feedback.demoted() == {}
    feedback.record([], pairs(7))
    assert Feedback(tmp_path / "f").demoted() == {"mutable-default": "7 of 20 comments were rejected"}


def test_a_few_comments_are_no_verdict(tmp_path: Path) -> None:
    feedback = Feedback(tmp_path / "f")
    feedback.record(pairs(LEAST_SAID - 1), pairs(LEAST_SAID - 1))
    assert feedback.demoted() == {}


def test_the_same_finding_counts_once(tmp_path: Path) -> None:
    feedback = Feedback(tmp_path / "f")
    for _ in range(30):
        feedback.record(pairs(3), pairs(3))
    assert feedback.demoted() == {}


def test_a_demoted_rule_is_only_in_the_summary_and_reported(
    tmp_path: Path, stand_in: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    Feedback(tmp_path / "f").record(pairs(LEAST_SAID), pairs(LEAST_SAID))
    given: dict[str, Any] = {
        "column": 1,
        "end_column": 2,
        "severity": Severity.HIGH,
        "category": "correctness",
    }
    found = [
        Finding(rule, "a.py", line, end_line=line, message="m", **given)
        for line, rule in ((2, "mutable-default"), (3, "shell-command"))
    ]
    with stand_in("fake_github").FakeGitHub({"a.py": PATCH}) as github:
        environ = github.environ(KIBITZ_FEEDBACK_FILE=str(tmp_path / "f"))
        said = post("github", [], Review(findings=fingerprinted(found)), environ, Manner())
    assert [comment["line"] for comment in github.comments] == [3]
    assert "a.py`:2" in github.reviews[0]["body"]
    assert "mutable-default is only in the summary now: 20 of 20 comments were rejected" in said


def test_thumbs_down_are_remembered(
    tmp_path: Path, stand_in: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    given: dict[str, Any] = {
        "column": 1,
        "end_column": 2,
        "severity": Severity.HIGH,
        "category": "correctness",
    }
    found = fingerprinted(
        Finding("mutable-default", "a.py", n, end_line=n, message="m", snippet=f"{n}", **given)
        for n in range(1, 21)
    )
    with stand_in("fake_github").FakeGitHub({"a.py": PATCH}) as github:
        environ = github.environ(KIBITZ_FEEDBACK_FILE=str(tmp_path / "f"))
        for start in (0, 10):
            post("github", [], Review(findings=found[: start + 10]), environ, Manner())
        for comment in github.comments[:7]:
            github.reactions[comment["id"]] = [{"content": "-1", "user": {"login": "ann"}}]
        post("github", [], Review(findings=found), environ, Manner())
    assert Feedback(tmp_path / "f").demoted() == {"mutable-default": "7 of 20 comments were rejected"}
