"""Rules of a repository's own: from which files, from which commit, and what is refused."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kibitz_reviewer import custom
from kibitz_reviewer.commands import rules
from kibitz_reviewer.custom import CustomRuleError, load, sources_on_disk, use
from kibitz_reviewer.new_rule import TEMPLATE, write
from kibitz_reviewer.proof import differences
from kibitz_reviewer.rule import Rule, all_rules, rule_named
from kibitz_reviewer.runner import Target, review, review_source

VISITOR = '''
import libcst as cst

from kibitz_reviewer.rule_visitor import Report, VisitorRule


class LoudName(VisitorRule):
    """Name is loud.

    Be quiet.
    """

    noncompliant = ("""
        x = 1
        SHOUT = lambda: x  # finding
        """,)
    compliant = ("x = 1", "'SHOUT'")

    def visitor(self, report: Report) -> cst.CSTVisitor:
        class Visitor(cst.CSTVisitor):
            def visit_Name(self, node: cst.Name) -> None:
                if node.value == "SHOUT":
                    report(node, "Loud.")

        return Visitor()
'''
CALL_OF_SLEEP = TEMPLATE.replace("{name}", "CallOfSleep")


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    yield
    use(())


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    rules.add_arguments(parser)
    return rules.run(parser.parse_args(arguments))


def test_a_new_rule_is_as_it_says() -> None:
    (rule,) = load((("call_of_sleep.py", CALL_OF_SLEEP),))
    assert (rule.id, rule.category, differences(rule)) == ("call-of-sleep", "custom", [])


def test_a_visitor_of_libcst_is_a_rule() -> None:
    (rule,) = load((("style/loud_name.py", VISITOR),))
    assert (rule.id, rule.category, differences(rule)) == ("loud-name", "style", [])
    (finding,) = review_source("é = 1; SHOUT = 2\n", "a.py", rules=[rule]).findings
    assert (finding.line, finding.column, finding.end_column, finding.snippet) == (1, 8, 13, "SHOUT")


def test_rules_in_use_count_until_others_are() -> None:
    text = "import time\ntime.sleep(1)\n"
    use((("call_of_sleep.py", CALL_OF_SLEEP),))
    assert [f.rule for f in review_source(text, "a.py").findings] == ["call-of-sleep"]
    assert rule_named("call-of-sleep") in all_rules()
    use(())
    assert review_source(text, "a.py").findings == []
    assert rule_named("call-of-sleep") is None


def test_many_files_are_reviewed_with_them_in_every_process(tmp_path: Path) -> None:
    use((("call_of_sleep.py", CALL_OF_SLEEP),))
    targets = []
    for number in range(25):
        file = tmp_path / f"f{number}.py"
        file.write_text("import time\ntime.sleep(1)\n")
        targets.append(Target(file.name, file))
    assert [f.rule for f in review(targets).findings] == ["call-of-sleep"] * 25


def test_the_cache_knows_rules_by_their_text(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import time\ntime.sleep(1)\n")
    targets, cache = [Target("a.py", tmp_path / "a.py")], tmp_path / "cache"
    assert review(targets, cache=cache).findings == []
    use((("call_of_sleep.py", CALL_OF_SLEEP),))
    assert len(review(targets, cache=cache).findings) == 1
    use((("call_of_sleep.py", CALL_OF_SLEEP.replace('"time.sleep"', '"time.time"')),))
    assert review(targets, cache=cache).findings == []


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("Call.py", CALL_OF_SLEEP, "small letters"),
        ("call_of_sleep.py", "x = (", "SyntaxError"),
        ("call_of_sleep.py", "raise ValueError('no')", "ValueError: no"),
        ("call_of_sleep.py", "x = 1", "expected a class CallOfSleep"),
        ("sql_injection.py", CALL_OF_SLEEP.replace("CallOfSleep", "SqlInjection"), "already"),
    ],
)
def test_what_is_no_rule_is_refused_by_its_file(path: str, text: str, said: str) -> None:
    with pytest.raises(CustomRuleError, match=said) as caught:
        load(((path, text),))
    assert str(caught.value).startswith(path)


def test_only_files_that_can_be_rules_are_read(tmp_path: Path) -> None:
    for name in ("a_rule.py", "style/b_rule.py", "__init__.py", ".hidden/c.py", "notes.txt", "_own.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    assert [path for path, _ in sources_on_disk(tmp_path)] == ["a_rule.py", "style/b_rule.py"]
    with pytest.raises(CustomRuleError, match="no such folder"):
        sources_on_disk(tmp_path / "none")


def test_a_new_rule_does_not_overwrite_one(tmp_path: Path) -> None:
    assert write("call-of-sleep", tmp_path / "new").name == "call_of_sleep.py"
    for name in ("call-of-sleep", "Call", "../up", "sql-injection", ""):
        with pytest.raises(CustomRuleError):
            write(name, tmp_path / "new")


class Blunt(Rule):
    """Says too little"""

    noncompliant = ("x = 1", "y = 1  # finding", "x = (  # finding")
    compliant = ("y = 1  # finding",)

    def check(self, module: object) -> Iterator[object]:  # type: ignore[override]
        return iter(())


def test_differences_are_told_one_by_one() -> None:
    told = differences(Blunt())
    assert [reason.partition(":")[0] for reason in told[2:]] == [
        "noncompliant example 1",
        "noncompliant example 2",
        "noncompliant example 3",
        "compliant example 1",
    ]
    assert "expected findings on line 1, found none" in told[3]
    assert "does not parse" in told[4]


def test_a_rule_that_is_not_as_it_says_fails_its_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("new", "call-of-sleep", "--folder", "own") == 0
    assert run("test", "own") == 0
    file = tmp_path / "own" / "call_of_sleep.py"
    file.write_text(file.read_text().replace('calls("time.sleep")', 'calls("time.time")'))
    capsys.readouterr()
    assert run("test", "own") == 1
    assert "noncompliant example 1: expected findings on line 4, found none" in capsys.readouterr().out
    assert run("test", "none") == 2
    assert run("new") == 2
    assert run("sql-injection", "more") == 2


def test_a_change_is_reviewed_with_the_rules_of_its_base(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, need: Callable[[str], str]
) -> None:
    import subprocess

    monkeypatch.chdir(tmp_path)
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]

    def git(*words: str) -> None:
        subprocess.run([need("git"), *identity, *words], cwd=tmp_path, check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    write("call-of-sleep", tmp_path / ".kibitz" / "rules")
    git("add", ".")
    git("commit", "-qm", "one")
    (tmp_path / ".kibitz/rules/call_of_sleep.py").write_text("raise SystemExit('run')\n")
    (tmp_path / ".kibitz/rules/another.py").write_text("raise SystemExit('run')\n")
    git("add", ".")
    git("commit", "-qm", "two")
    folder = Path(".kibitz/rules")
    for diff in ("HEAD~1", "HEAD~1..HEAD"):
        assert custom.sources_for(folder, diff) == (("call_of_sleep.py", CALL_OF_SLEEP),)
    assert len(custom.sources_for(folder, None)) == 2
