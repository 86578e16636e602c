"""What git is asked, and that neither odd names nor huge files nor hundreds of thousands of them get in the way."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kibitz_reviewer import repository, targets
from kibitz_reviewer.diff import DiffError
from kibitz_reviewer.repository import Entry, Repository

Git = Callable[..., str]


@pytest.fixture
def git(tmp_path: Path, need: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> Git:
    program = need("git")
    for key in [key for key in os.environ if key.startswith("GIT_")]:
        monkeypatch.delenv(key)

    def run(*arguments: str, stdin: bytes = b"") -> str:
        who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        done = subprocess.run(
            [program, *who, *arguments], cwd=tmp_path, check=True, capture_output=True, input=stdin
        )
        return done.stdout.decode("utf-8", "surrogateescape").strip()

    run("init", "-q", "-b", "main")
    return run


def commit(git: Git, folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    git("add", "-A")
    git("commit", "-q", "-m", "x")


def test_touched_files_come_with_their_size_and_the_name_before(git: Git, tmp_path: Path) -> None:
    body = b"".join(b"line %d\n" % n for n in range(30))
    commit(git, tmp_path, {"old.py": body, "gone.py": b"1\n", "a.py": b"1\n", "exe.py": b"1\n"})
    git("mv", "old.py", "new.py")
    git("rm", "-q", "gone.py")
    (tmp_path / "link.py").symlink_to("a.py")
    (tmp_path / "exe.py").chmod(0o755)
    commit(git, tmp_path, {"a.py": b"12\n", "added.py": b"1234\n"})
    touched = Repository(tmp_path).touched("HEAD~1", "HEAD")
    assert touched == [
        Entry(path, before, size, git("rev-parse", f"HEAD:{path}"))
        for path, before, size in (
            ("a.py", "a.py", 3),
            ("added.py", "", 5),
            ("exe.py", "exe.py", 2),
            ("new.py", "old.py", len(body)),
        )
    ]


def test_files_on_disk_are_measured_there(git: Git, tmp_path: Path) -> None:
    commit(git, tmp_path, {"a.py": b"1\n"})
    (tmp_path / "a.py").write_bytes(b"1\n2\n")
    assert Repository(tmp_path).touched("HEAD", None) == [Entry("a.py", "a.py", 4, "0" * 40)]


@pytest.mark.parametrize("at_once", [1, 2, 500])
def test_changes_are_the_same_however_many_files_are_asked_for_at_once(
    git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(repository, "PATHS_AT_ONCE", at_once)
    body = b"".join(b"line %d\n" % n for n in range(30))
    commit(git, tmp_path, {"old.py": body, "a*.py": b"1\n", "ab.py": b"1\n"})
    git("mv", "old.py", "b ☕.py")
    commit(git, tmp_path, {"b ☕.py": body + b"more\n", "a*.py": b"2\n", "ab.py": b"3\n", "c\nd.py": b"4\n"})
    repo = Repository(tmp_path)
    touched = repo.touched("HEAD~1", "HEAD")
    changes = repo.changes("HEAD~1", "HEAD", touched)
    assert changes.lines == {"a*.py": {1}, "ab.py": {1}, "b ☕.py": {31}, "c\nd.py": {1}}
    assert changes.renamed == {"b ☕.py": "old.py"}
    only = [file for file in touched if file.path == "a*.py"]
    assert repo.changes("HEAD~1", "HEAD", only).lines == {"a*.py": {1}}


def test_contents_are_read_whole(git: Git, tmp_path: Path) -> None:
    files = {
        "a.py": b"1\r\n2",
        "b ☕.py": b"",
        "big.py": b"x" * 3_000_000,
        "c\nd.py": b"odd\n",
        "e.py": b"last\n",
    }
    commit(git, tmp_path, {"z.txt": b""})
    commit(git, tmp_path, files)
    repo = Repository(tmp_path)
    touched = repo.touched("HEAD~1", "HEAD")
    assert [file.path for file in touched] == list(files)
    assert list(repo.contents([file.blob for file in touched])) == list(files.values())
    assert list(repo.contents([])) == []
    with pytest.raises(DiffError, match="cannot read"):
        list(repo.contents([touched[0].blob, "0" * 40]))


def test_all_files_of_a_commit_are_listed_but_links(git: Git, tmp_path: Path) -> None:
    (tmp_path / "link.py").symlink_to("a.py")
    commit(git, tmp_path, {"a.py": b"1\n", "d/b ☕.txt": b""})
    found = Repository(tmp_path).files("HEAD")
    assert [(file.path, file.size_bytes) for file in found] == [("a.py", 2), ("d/b ☕.txt", 0)]


def test_a_change_is_compared_with_files_of_allowed_size_only(
    git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"big.py": b"#" * 1_200_000, "b1.py": b"1" * 900, "b2.py": b"2" * 900, "note.txt": b""}
    commit(git, tmp_path, files)
    commit(git, tmp_path, {"a.py": b"1\n"})
    monkeypatch.setattr(targets, "MAX_TOTAL_BYTES", 1_000)
    assert [one.path for one in targets.of_diff("HEAD~1..HEAD", [], tmp_path).others] == ["b1.py"]


def fast_import(git: Git, files: list[tuple[str, bytes]], ref: str, parent: str) -> None:
    stream = [b"feature done\n"]
    texts = list(dict.fromkeys(text for _, text in files))
    for mark, text in enumerate(texts, start=1):
        stream.append(b"blob\nmark :%d\ndata %d\n%s\n" % (mark, len(text), text))
    stream.append(
        f"commit refs/heads/{ref}\ncommitter A <a@example.org> 0 +0000\ndata 1\nx\nfrom {parent}\n".encode()
    )
    numbers = {text: mark for mark, text in enumerate(texts, start=1)}
    stream += [f"M 100644 :{numbers[text]} {name}\n".encode() for name, text in files]
    git("fast-import", "--quiet", stdin=b"".join([*stream, b"\ndone\n"]))


def test_a_hundred_thousand_files_are_reviewed_in_part_and_the_rest_is_told(
    git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(git, tmp_path, {"a.py": b"1\n"})
    many = [(f"d{n % 300}/f{n}.{'py' if n % 2 else 'txt'}", b"x = 1\n") for n in range(100_000)]
    fast_import(git, many, "topic", "refs/heads/main")
    monkeypatch.setattr(targets, "MAX_FILES", 600)
    selection = targets.of_diff("main..topic", [], tmp_path)
    assert len(selection.targets) == 600
    assert [(one.path, one.message) for one in selection.problems] == [
        ("", "49,400 more files changed than the 600 that were reviewed")
    ]


def test_hundreds_of_megabytes_in_files_of_allowed_size_are_reviewed_in_part(
    git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(targets, "MAX_TOTAL_BYTES", 2_500_000)
    commit(git, tmp_path, {"a.py": b"1\n"})
    commit(git, tmp_path, {f"b{n}.py": b"%d\n" % n + b"#" * 900_000 for n in range(5)})
    selection = targets.of_diff("HEAD~1..HEAD", [], tmp_path)
    assert [target.path for target in selection.targets] == ["b0.py", "b1.py"]
    assert "3 more files changed" in selection.problems[0].message


def tree(git: Git, *entries: tuple[str, bytes, str]) -> str:
    """A tree object with any names at all: (mode, name, id)."""
    raw = b"".join(mode.encode() + b" " + name + b"\0" + bytes.fromhex(oid) for mode, name, oid in entries)
    return git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=raw)


@pytest.mark.parametrize("name", [b"..", b"."])
def test_names_that_lead_out_of_the_tree_are_left_alone(git: Git, tmp_path: Path, name: bytes) -> None:
    top = tmp_path / "inner"
    top.mkdir()
    commit(git, tmp_path, {"a.py": b"1\n"})
    (tmp_path.parent / "evil.py").write_text("import yaml\nyaml.load(x)\n")
    blob = git("hash-object", "-w", "--stdin", stdin=b"import os\n\nos.system(x)\n")
    inside = tree(git, ("100644", b"evil.py", blob))
    whole = tree(git, ("40000", name, inside), ("100644", b"good.py", blob))
    head = git("commit-tree", whole, "-p", "HEAD", "-m", "evil")
    selection = targets.of_diff(f"HEAD..{head}", [], tmp_path)
    shown: list[Any] = [(target.path, target.place) for target in selection.targets]
    assert ("good.py", tmp_path / "good.py") in shown
    assert all(place.resolve().is_relative_to(tmp_path) for _, place in shown)
    assert [(one.path, one.message) for one in selection.problems] == [
        (f"{name.decode()}/evil.py", "skipped: it lies outside the tree")
    ]
