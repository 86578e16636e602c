"""Which lines a change touches, from git itself and from patches."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from kibitz_reviewer.diff import DiffError, mismatch, parse, split_range
from kibitz_reviewer.repository import Repository

Git = Callable[..., str]


@pytest.fixture
def git(tmp_path: Path, need: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> Git:
    program = need("git")
    for key in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(key, raising=False)

    def run(*arguments: str) -> str:
        identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        done = subprocess.run(
            [program, *identity, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True
        )
        return done.stdout

    run("init", "-q", "-b", "main")
    return run


def commit(git: Git, folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    git("add", "-A")
    git("commit", "-q", "-m", "x")


def changed(folder: Path, text: str = "HEAD~1..HEAD") -> dict[str, set[int]]:
    base, head = split_range(text)
    repository = Repository(folder)
    return repository.changes(repository.commit(base), repository.commit(head) if head else None).lines


def test_only_added_and_changed_lines_count(git: Git, tmp_path: Path) -> None:
    commit(git, tmp_path, {"a.py": b"1\n2\n3\n4\n"})
    commit(git, tmp_path, {"a.py": b"1\ntwo\n4\nfive\n"})
    assert changed(tmp_path) == {"a.py": {2, 4}}


def test_a_file_on_disk_is_compared_without_a_head(git: Git, tmp_path: Path) -> None:
    commit(git, tmp_path, {"a.py": b"1\n"})
    (tmp_path / "a.py").write_bytes(b"1\n2\n")
    assert changed(tmp_path, "HEAD") == {"a.py": {2}}


@pytest.mark.parametrize("name", ["naïve ☕.py", 'quo"te.py', "tab\there.py", "b/a.py", "x b/y.py"])
def test_odd_names_come_out_whole(git: Git, tmp_path: Path, name: str) -> None:
    commit(git, tmp_path, {"first.py": b""})
    commit(git, tmp_path, {name: b"1\n"})
    assert changed(tmp_path) == {name: {1}}


def test_a_renamed_file_counts_only_its_changed_lines(git: Git, tmp_path: Path) -> None:
    body = b"".join(b"line %d\n" % n for n in range(30))
    commit(git, tmp_path, {"old.py": body})
    git("mv", "old.py", "new.py")
    commit(git, tmp_path, {"new.py": body + b"more\n"})
    assert changed(tmp_path) == {"new.py": {31}}


def test_missing_newline_at_the_end_and_crlf_are_lines_like_others(git: Git, tmp_path: Path) -> None:
    commit(git, tmp_path, {"a.py": b"1\r\n2", "b.py": b"1"})
    commit(git, tmp_path, {"a.py": b"1\r\n2\r\n3", "b.py": b"1\n"})
    assert changed(tmp_path) == {"a.py": {2, 3}, "b.py": {1}}


def test_a_binary_file_has_no_lines(git: Git, tmp_path: Path) -> None:
    commit(git, tmp_path, {"a.py": b"1\n"})
    commit(git, tmp_path, {"a.py": b"1\n\0\xff\n"})
    repository = Repository(tmp_path)
    changes = repository.changes(repository.commit("HEAD~1"), repository.commit("HEAD"))
    assert (changes.lines, changes.binary) == ({}, ["a.py"])


def test_an_empty_diff_is_no_error(git: Git, tmp_path: Path) -> None:
    commit(git, tmp_path, {"a.py": b"1\n"})
    assert changed(tmp_path, "HEAD") == {}
    assert parse(b"").lines == {}


def test_external_diff_programs_and_textconv_are_not_run(git: Git, tmp_path: Path) -> None:
    commit(git, tmp_path, {"a.py": b"1\n", ".gitattributes": b"*.py diff=evil\n"})
    commit(git, tmp_path, {"a.py": b"1\n2\n"})
    trap = tmp_path / "ran"
    for key in ("diff.external", "diff.evil.command", "diff.evil.textconv"):
        git("config", key, f"touch {trap};")
    assert changed(tmp_path) == {"a.py": {2}}
    assert not trap.exists()


def test_base_is_where_the_branches_parted(git: Git, tmp_path: Path) -> None:
    commit(git, tmp_path, {"a.py": b"1\n"})
    git("checkout", "-q", "-b", "topic")
    commit(git, tmp_path, {"topic.py": b"1\n"})
    git("checkout", "-q", "main")
    commit(git, tmp_path, {"main.py": b"1\n"})
    repository = Repository(tmp_path)
    base = repository.base(repository.commit("main"), repository.commit("topic"))
    assert repository.changes(base, repository.commit("topic")).lines == {"topic.py": {1}}


@pytest.mark.parametrize("text", ["", "..", "a..", "..b", "--output=x", "a..--output=x"])
def test_a_range_without_both_names_is_refused(text: str) -> None:
    with pytest.raises(DiffError, match="BASE"):
        split_range(text)


def test_a_folder_that_is_no_repository_is_refused(tmp_path: Path, need: Callable[[str], str]) -> None:
    need("git")
    with pytest.raises(DiffError, match="not a git repository"):
        Repository(tmp_path)


def test_added_lines_that_look_like_headers_are_lines() -> None:
    patch = b"--- a/x.py\n+++ b/x.py\n@@ -1 +1,3 @@\n 1\n+++ b/evil.py\n+@@ -1 +1 @@\n"
    assert parse(patch).lines == {"x.py": {2, 3}}


def test_a_deleted_file_has_no_lines() -> None:
    assert parse(b"--- a/x.py\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-1\n-2\n").lines == {}


@pytest.mark.parametrize(
    "patch",
    [
        b"hello\n",
        b"--- a/x\n+++ b/x\n@@ -1 +1,9 @@\n+1\n",
        b"--- a/x\n+++ b/x\n@@ what @@\n+1\n",
        b"--- a/x\n+++ b/x\n@@@ -1 -1 +1 @@@\n++1\n",
    ],
    ids=["prose", "truncated", "header", "combined"],
)
def test_a_bad_patch_is_refused(patch: bytes) -> None:
    with pytest.raises(DiffError, match=r"expected|ends within"):
        parse(patch)


def test_mismatch_names_the_first_line_that_differs() -> None:
    assert mismatch({1: "a", 3: "c"}, ["a", "b", "c\r"]) is None
    assert mismatch({1: "a", 3: "c"}, ["a", "b"]) == 3
