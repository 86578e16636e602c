"""A git repository, asked by the git command: what a change touches, and what files held."""

from __future__ import annotations

import itertools
import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from kibitz_reviewer.diff import Changes, DiffError, parse, path_text

TIMEOUT_S = 120.0
PATHS_AT_ONCE = 500
HISTORY = "1 year ago"
NO_GIT = "--diff needs the git command, which was not found on PATH"
_REGULAR = (b"100644", b"100755")
_PLAIN = (
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
    "--find-renames",
    "--diff-filter=d",
    "--ignore-submodules",
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a commit: its path, the one it had before the change ("" for none), its size and blob id.

    ``blob`` is all zeros for a file on disk that git has not seen yet.
    """

    path: str
    before: str
    size_bytes: int
    blob: str


class Repository:
    """A git repository, asked through the git command with everything that runs other programs turned off."""

    def __init__(self, inside: Path) -> None:
        """Find the repository around the folder ``inside``; raises ``DiffError`` if there is none."""
        self._folder = inside
        self.root = Path(
            self._git("rev-parse", "--show-toplevel").decode("utf-8", "surrogateescape").rstrip("\n")
        )
        self._folder = self.root

    def commit(self, name: str) -> str:
        """The commit a name stands for, as a full hash."""
        try:
            found = self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        except DiffError:
            raise DiffError(f"{name!r} names no commit of {self.root}; is it fetched?") from None
        return found.decode().strip()

    def base(self, base: str, head: str) -> str:
        """Where ``head`` branched off ``base``; ``base`` itself if the two share no history."""
        try:
            return self._git("merge-base", base, head).decode().split()[0]
        except (DiffError, IndexError):
            return base

    def touched(self, base: str, head: str | None) -> list[Entry]:
        """The files that the change from ``base`` to ``head`` (None: to those on disk) adds or changes, in order of path."""
        output = self._git("diff", *_PLAIN, "--raw", "-z", "--no-abbrev", *_commits(base, head), "--")
        fields = iter(output.split(b"\0"))
        found: list[tuple[str, str, str]] = []
        for facts in fields:
            words = facts.split()
            if len(words) == 5:
                before = path_text(next(fields))
                renamed = words[4][:1] in b"RC"
                path = path_text(next(fields)) if renamed else before
                if words[1] not in _REGULAR:
                    continue  # a link would be read as what it points to, a submodule has no text
                found.append((path, "" if words[4] == b"A" else before, words[3].decode()))
        sizes = self._sizes({blob for _, _, blob in found if blob.strip("0")})
        return sorted(
            (
                Entry(path, before, sizes[blob] if blob in sizes else self._size_on_disk(path), blob)
                for path, before, blob in found
            ),
            key=lambda one: one.path,
        )

    def _sizes(self, blobs: Iterable[str]) -> dict[str, int]:
        """The size of each blob, in bytes; what is no blob (a submodule) is left out."""
        with tempfile.TemporaryFile() as asked:
            asked.write("".join(f"{blob}\n" for blob in blobs).encode())
            asked.seek(0)
            output = self._git("cat-file", "--batch-check", stdin=asked)
        words = (line.split() for line in output.decode().splitlines())
        return {word[0]: int(word[2]) for word in words if len(word) == 3 and word[1] == "blob"}

    def _size_on_disk(self, path: str) -> int:
        try:
            return (self.root / path).lstat().st_size
        except OSError:
            return 0

    def changes(self, base: str, head: str | None, files: Sequence[Entry] | None = None) -> Changes:
        """What changed from commit ``base`` to commit ``head``, or to the files on disk if ``head`` is None; in ``files`` if given."""
        command = [
            "diff",
            *_PLAIN,
            "--unified=0",
            "--src-prefix=a/",
            "--dst-prefix=b/",
            *_commits(base, head),
            "--",
        ]
        if files is None:
            return parse(self._git(*command))
        changes = Changes()
        for start in range(0, len(files), PATHS_AT_ONCE):
            chosen = files[start : start + PATHS_AT_ONCE]
            # Without its name before, a renamed file would look like a new one.
            names = dict.fromkeys(name for file in chosen for name in (file.path, file.before) if name)
            some = parse(self._git(*command, *(f":(top,literal){name}" for name in names)))
            wanted = {file.path for file in chosen}
            changes.added |= {path: lines for path, lines in some.added.items() if path in wanted}
            changes.renamed |= some.renamed
            changes.binary += [path for path in some.binary if path in wanted]
        return changes

    def content(self, commit: str, path: str) -> bytes:
        """The bytes of a file as of ``commit``."""
        return self._git("cat-file", "blob", f"{commit}:{path}")

    def files(self, commit: str) -> list[Entry]:
        """All files of ``commit``; links and submodules are none."""
        listed = self._git("ls-tree", "-r", "-z", "-l", "--full-tree", commit).split(b"\0")
        found = []
        for facts, tab, path in (entry.partition(b"\t") for entry in listed):
            words = facts.split()
            if tab and words[0] in _REGULAR:
                found.append(Entry(path_text(path), path_text(path), int(words[3]), words[2].decode()))
        return found

    def contents(self, blobs: Sequence[str]) -> Iterator[bytes]:
        """The bytes of each blob."""
        with tempfile.TemporaryFile() as asked:
            asked.write("".join(f"{blob}\n" for blob in blobs).encode())
            asked.seek(0)
            output = self._git("cat-file", "--batch", stdin=asked)
        at = 0
        for blob in blobs:
            end = output.index(b"\n", at)
            facts = output[at:end].split()
            if len(facts) != 3 or facts[1] != b"blob":
                raise DiffError(f"git cat-file: cannot read {blob}")
            size = int(facts[2])
            yield output[end + 1 : end + 1 + size]
            at = end + size + 2

    def blobs(self, commit: str, paths: Sequence[str]) -> list[tuple[str, str]]:
        """(path, blob id) of the texts that ``paths`` have in ``commit`` and had in the year before it."""
        found = []
        for start in range(0, len(paths), PATHS_AT_ONCE):
            places = [f":(top,literal){path}" for path in paths[start : start + PATHS_AT_ONCE]]
            tree = self._git(
                "ls-tree", "-r", "-z", "--full-tree", commit, "--", *paths[start : start + PATHS_AT_ONCE]
            )
            found += [
                (path_text(path), facts.split()[2].decode())
                for facts, tab, path in (entry.partition(b"\t") for entry in tree.split(b"\0"))
                if tab
            ]
            log = ["--format=", "--raw", "--no-abbrev", "--no-renames", "-m", "-z", f"--since={HISTORY}"]
            fields = self._git("log", *log, "--end-of-options", commit, "--", *places).split(b"\0")
            for facts, path in itertools.pairwise(fields):
                if facts.startswith(b":"):
                    found += [
                        (path_text(path), blob.decode()) for blob in facts.split()[2:4] if blob.strip(b"0")
                    ]
        return found

    def _git(self, *arguments: str, stdin: IO[bytes] | int = subprocess.DEVNULL) -> bytes:
        quiet = ["-c", "core.quotePath=true", "-c", "core.fsmonitor=false", "-c", "diff.noprefix=false"]
        command = ["git", "--no-pager", "--no-optional-locks", *quiet, *arguments]
        try:
            done = subprocess.run(
                command,
                cwd=self._folder,
                env=_environment(),
                capture_output=True,
                stdin=stdin,
                timeout=TIMEOUT_S,
                check=False,
            )
        except FileNotFoundError:
            raise DiffError(NO_GIT) from None
        except subprocess.TimeoutExpired:
            raise DiffError(f"git {arguments[0]} did not finish within {TIMEOUT_S:.0f} s") from None
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            reason = said[0].removeprefix("fatal: ") if said else f"exit status {done.returncode}"
            raise DiffError(f"git {arguments[0]}: {reason}")
        return done.stdout


def _commits(base: str, head: str | None) -> list[str]:
    return [base] if head is None else [base, head]


def _environment() -> dict[str, str]:
    """Git's, without what would run other programs or ask a person."""
    kept = {
        key: value for key, value in os.environ.items() if key not in ("GIT_EXTERNAL_DIFF", "GIT_DIFF_OPTS")
    }
    return {**kept, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
