"""`kibitz review` as a command: what it selects, what it writes, how it exits."""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kibitz_reviewer.commands import review
from kibitz_reviewer.rule import Applicability
from kibitz_reviewer.rules.security.unsafe_yaml_load import UnsafeYamlLoad

BAD = "import yaml\nyaml.load(s)\n"
Kibitz = Callable[..., tuple[int, str, str]]


@pytest.fixture
def kibitz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Kibitz:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        parser = argparse.ArgumentParser()
        review.add_arguments(parser)
        status = review.run(parser.parse_args(arguments))
        output = capsys.readouterr()
        return status, output.out, output.err

    return run


@pytest.fixture
def git(tmp_path: Path, need: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., bytes]:
    program = need("git")
    for key in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(key, raising=False)

    def run(*arguments: str) -> bytes:
        identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        return subprocess.run(
            [program, *identity, *arguments], cwd=tmp_path, check=True, capture_output=True
        ).stdout

    run("init", "-q", "-b", "main")
    return run


def rules(output: str) -> list[tuple[str, int, str]]:
    return [
        (f["path"], f["line"], f["rule"]) for f in json.loads(output)["findings"] if "pylint" not in f["rule"]
    ]


def test_a_file_is_reviewed_and_a_high_finding_fails(kibitz: Kibitz, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(BAD)
    status, output, _ = kibitz("a.py")
    assert status == 1
    assert "a.py:2:1: high [unsafe-yaml-load]" in output


@pytest.mark.parametrize(
    ("fail_on", "status"), [("critical", 0), ("high", 1), ("LOW", 1), ("never", 0), ("info", 1)]
)
def test_exit_status_goes_by_fail_on(kibitz: Kibitz, tmp_path: Path, fail_on: str, status: int) -> None:
    (tmp_path / "a.py").write_text("import yaml\ndef f(s):\n    return yaml.load(s)\n")
    assert kibitz("a.py", "--fail-on", fail_on)[0] == status


def test_clean_code_exits_with_0(kibitz: Kibitz, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    assert kibitz()[0] == 0


@pytest.mark.parametrize(
    "arguments",
    [["gone.py"], ["--diff", "main"], ["--patch", "gone.diff"], ["--diff", "a..b", "--fix"]],
    ids=["no file", "no repository", "no patch", "fix of a commit"],
)
def test_what_cannot_be_done_as_asked_exits_with_2_and_a_reason(kibitz: Kibitz, arguments: list[str]) -> None:
    status, output, errors = kibitz(*arguments)
    assert (status, output) == (2, "")
    assert errors.startswith("kibitz review: ")


def test_a_named_file_that_does_not_parse_exits_with_2_and_is_reported(
    kibitz: Kibitz, tmp_path: Path
) -> None:
    (tmp_path / "a.py").write_text("def f(:\n")
    status, output, _ = kibitz("a.py")
    assert status == 2
    assert "a.py:1: does not parse" in output
    # In a folder it is reported as loudly, but the rest of the folder decides.
    assert kibitz(".")[0] == 0


def test_a_latin_1_file_is_reviewed(kibitz: Kibitz, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(f"# coding: latin-1\n# café\n{BAD}".encode("latin-1"))
    assert rules(kibitz("a.py", "--format", "json")[1]) == [("a.py", 4, "unsafe-yaml-load")]


def test_diff_comments_on_changed_lines_only(
    kibitz: Kibitz, tmp_path: Path, git: Callable[..., bytes]
) -> None:
    (tmp_path / "pkg").mkdir()
    file = tmp_path / "pkg" / "a.py"
    file.write_text(BAD)
    git("add", ".")
    git("commit", "-qm", "x")
    file.write_text("s = 1\n" + BAD + "yaml.load(s)\n")
    assert rules(kibitz("--diff", "HEAD", "--format", "json")[1]) == [("pkg/a.py", 4, "unsafe-yaml-load")]
    git("commit", "-qam", "y")
    file.write_text("nothing of this is in the commit\n")
    assert rules(kibitz("--diff", "HEAD~1..HEAD", "--format", "json")[1]) == [
        ("pkg/a.py", 4, "unsafe-yaml-load")
    ]


@pytest.mark.parametrize("change", ["HEAD~1", "HEAD~1..HEAD"])
def test_a_change_that_repeats_what_another_file_says_is_told(
    change: str, kibitz: Kibitz, tmp_path: Path, git: Callable[..., bytes]
) -> None:
    copied = (
        "def read(path):\n    with open(path) as file:\n        for line in file:\n            if not line.strip():\n"
        "                continue\n            name, _, value = line.partition('=')\n"
        "            yield name.strip().lower(), value.strip().lower()\n    print(path, 'is read', file.closed)\n"
    )
    (tmp_path / "old.py").write_text(copied)
    (tmp_path / "older.py").write_text(copied)
    git("add", ".")
    git("commit", "-qm", "one")
    (tmp_path / "new.py").write_text("import os\n" + copied.replace("line", "row").replace("value", "text"))
    git("add", ".")
    git("commit", "-qm", "two")
    _, output, _ = kibitz("--diff", change, "--format", "json")
    assert rules(output) == [("new.py", 2, "duplicate-code")]
    (tmp_path / "pyproject.toml").write_text("[tool.kibitz]\nexclude = ['old*.py']\n")
    git("add", ".")
    git("commit", "-qm", "three")
    (tmp_path / "new.py").write_text(copied.replace("line", "words"))
    _, output, _ = kibitz("--diff", "HEAD", "--format", "json")
    assert rules(output) == []


def test_an_empty_diff_is_a_clean_review(kibitz: Kibitz, tmp_path: Path, git: Callable[..., bytes]) -> None:
    (tmp_path / "a.py").write_text(BAD)
    git("add", ".")
    git("commit", "-qm", "x")
    status, output, _ = kibitz("--diff", "HEAD")
    assert status == 0
    assert "No findings" in output


def test_a_binary_change_is_named_and_harmless(
    kibitz: Kibitz, tmp_path: Path, git: Callable[..., bytes]
) -> None:
    (tmp_path / "a.py").write_text(BAD)
    git("add", ".")
    git("commit", "-qm", "x")
    (tmp_path / "a.py").write_bytes(b"\0\1\2")
    (tmp_path / "logo.png").write_bytes(b"\0\1\2")
    git("add", ".")
    status, output, _ = kibitz("--diff", "HEAD")
    assert status == 0
    assert "a.py: skipped: the change is binary" in output


def test_a_patch_from_standard_input_is_reviewed_against_the_files_here(
    kibitz: Kibitz, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.py").write_text(BAD + "yaml.load(t)\n")
    patch = b"--- a/a.py\n+++ b/a.py\n@@ -2,0 +3 @@\n+yaml.load(t)\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(patch)))
    assert rules(kibitz("--patch", "-", "--format", "json")[1]) == [("a.py", 3, "unsafe-yaml-load")]


def test_a_patch_cannot_reach_out_of_the_tree(kibitz: Kibitz, tmp_path: Path) -> None:
    (tmp_path / "p.diff").write_text("--- a/../x.py\n+++ b/../x.py\n@@ -0,0 +1 @@\n+x = 1\n")
    status, output, _ = kibitz("--patch", "p.diff")
    assert status == 0
    assert "outside the tree" in output


def test_fix_rewrites_what_is_safe_and_reviews_the_rest(
    kibitz: Kibitz, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(UnsafeYamlLoad, "fix", Applicability.SAFE)
    (tmp_path / "a.py").write_text(BAD)
    _, output, errors = kibitz("a.py", "--fix", "--format", "json")
    assert (tmp_path / "a.py").read_text() == "import yaml\nyaml.safe_load(s)\n"
    assert rules(output) == []
    assert "1 fixed" in errors


def test_output_goes_to_a_file(kibitz: Kibitz, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(BAD)
    status, output, errors = kibitz("a.py", "--format", "sarif", "--output", "r.sarif")
    assert (status, output) == (1, "")
    assert json.loads((tmp_path / "r.sarif").read_text())["version"] == "2.1.0"
    assert "r.sarif" in errors


def test_an_unknown_forge_is_refused(kibitz: Kibitz, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    status, _, errors = kibitz("a.py", "--post", "smithy")
    assert status == 2
    assert "smithy" in errors
