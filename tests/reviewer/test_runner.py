"""The runner: one file, many files, files that go wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kibitz_reviewer import runner
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.finding import Finding
from kibitz_reviewer.rule import Rule
from kibitz_reviewer.runner import Target, review, review_file, review_source
from kibitz_reviewer.targets import of_paths

BAD = "import yaml\nyaml.load(s)\n"


class Faulty(Rule):
    """Fails whatever it reads."""

    def check(self, module: Module) -> Iterator[Finding]:
        raise RuntimeError("out of order")
        yield


def rules_of(text: str, changed: frozenset[int] | None = None) -> list[tuple[str, int]]:
    return [(f.rule, f.line) for f in review_source(text, "a.py", changed).findings]


def test_findings_come_with_fingerprints() -> None:
    (finding,) = review_source(BAD, "a.py").findings
    assert (finding.rule, finding.line, len(finding.fingerprint)) == ("unsafe-yaml-load", 2, 32)


def test_only_findings_on_changed_lines_are_kept() -> None:
    assert rules_of(BAD, frozenset({2})) == [("unsafe-yaml-load", 2)]
    assert rules_of(BAD, frozenset({1})) == []


def test_a_fingerprint_does_not_depend_on_what_a_change_touches() -> None:
    text = BAD + "yaml.load(s)\n"
    whole = review_source(text, "a.py").findings[1].fingerprint
    assert review_source(text, "a.py", frozenset({3})).findings[0].fingerprint == whole


def test_a_rule_that_fails_is_a_problem_and_the_others_go_on() -> None:
    result = review_source("x = 1\n", "a.py", rules=[Faulty()])
    assert ["out of order" in problem.message for problem in result.problems] == [True]


def test_suppressed_findings_are_counted() -> None:
    result = review_source("import yaml\nyaml.load(s)  # kibitz: ignore[unsafe-yaml-load] ours\n", "a.py")
    assert (result.findings, result.suppressed) == ([], 1)


def test_a_file_that_does_not_parse_is_a_broken_one() -> None:
    (problem,) = review_source("x = 1\ndef f(:\n", "a.py").problems
    assert (problem.line, problem.broken) == (2, True)


@pytest.mark.parametrize(
    "content",
    [
        b"x = '" + b"a" * 900_000 + b"'\n",
        b"x = " + b"[" * 10_000 + b"]" * 10_000,
        b"x = " + b"-" * 200_000 + b"1\n",
        b"x = [" + b"1," * 300_000 + b"]\n",
        b"\xef\xbb\xbfx = 1\n",
        b"if x:\n\ty = 1\n        z = 2\n",
        b"x = '\\d \\q'\n",
        b"x = 1\0\n",
        b"x = " + b"9" * 5000 + b"\n",
        b"",
        b"\xff\xfe",
        b"(" * 500_000,
    ],
    ids=[
        "line",
        "brackets",
        "signs",
        "literal",
        "bom",
        "tabs",
        "escapes",
        "nul",
        "digits",
        "empty",
        "bytes",
        "open",
    ],
)
def test_hostile_files_end_in_a_report_without_findings(content: bytes, tmp_path: Path) -> None:
    result = review_file(Target("a.py", tmp_path / "a.py", content))
    assert result.findings == []
    assert result.files + sum(problem.broken for problem in result.problems) == 1


def test_many_files_give_what_one_by_one_gives(tmp_path: Path) -> None:
    targets = []
    for number in range(runner.POOL_FROM_FILES + 5):
        file = tmp_path / f"f{number:02}.py"
        file.write_text(BAD if number % 2 else "def f(:\n")
        targets.append(Target(file.name, file))
    together = review(targets)
    alone = [review_file(target) for target in targets]
    assert together.findings == [finding for part in alone for finding in part.findings]
    assert together.problems == [problem for part in alone for problem in part.problems]
    assert together.files == sum(part.files for part in alone)


def test_pylint_adds_its_findings_to_changed_lines(tmp_path: Path) -> None:
    content = b"def f():\n    return 1\n    print(2)\n\n\ndef g():\n    return 1\n    print(2)\n"
    target = Target("a.py", tmp_path / "a.py", content, frozenset({3}))
    assert [(f.rule, f.line) for f in review([target], with_pylint=True).findings] == [
        ("pylint-unreachable", 3)
    ]


def test_values_are_followed_through_files_of_a_tree_that_lies_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = tmp_path / "there" / "shop"
    top.mkdir(parents=True)
    (tmp_path / "there" / "outside.py").write_text("def clean(text):\n    return int(text)\n")
    (top / "__init__.py").touch()
    (top / "db.py").write_text(
        "class Rows:\n    def find(self, cursor, text):\n        return cursor.execute(text)\n"
    )
    (top / "web.py").write_text(
        "from flask import request\n\nfrom .db import Rows\n\n\ndef view(cursor):\n"
        "    return Rows().find(cursor, 'select * from t where n = ' + request.args['n'])\n"
    )
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for named in ([tmp_path / "there"], [top], [top / "web.py", top / "db.py"]):
        found = review(of_paths(named, Path.cwd()).targets).findings
        assert [finding.rule for finding in found if finding.rule == "sql-injection"] == ["sql-injection"], (
            named
        )


def test_files_beside_the_folder_that_was_named_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = tmp_path / "there" / "shop"
    top.mkdir(parents=True)
    (tmp_path / "there" / "beside.py").write_text("LIMIT = 1\n")
    (top / "web.py").write_text("from beside import LIMIT\n")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (target,) = of_paths([top], Path.cwd()).targets
    space = runner._workspace(target)
    assert space is not None
    assert space.resolve("beside", target.path) is None
    assert space.resolve("web", target.path) == target.path
