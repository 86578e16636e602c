"""Which lines a change touches: git's own diff, or a unified diff from a file."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

TIMEOUT_S = 120.0
PATHS_AT_ONCE = 500
HISTORY = "1 year ago"

_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_ESCAPES = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


class DiffError(Exception):
    """The change cannot be read; the message says what was expected and what came."""


@dataclass(slots=True)
class Changes:
    """Per file (path from the top of the change, forward slashes) the added or changed lines, 1-based, with their text.

    ``binary`` names the files whose change has no lines; ``renamed`` gives the path before, where it was another.
    """

    added: dict[str, dict[int, str]] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    binary: list[str] = field(default_factory=list)

    @property
    def lines(self) -> dict[str, set[int]]:
        """The changed lines per file."""
        return {path: set(lines) for path, lines in self.added.items()}


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

    def changes(self, base: str, head: str | None) -> Changes:
        """What changed from commit ``base`` to commit ``head``, or to the files on disk if ``head`` is None."""
        commits = [base] if head is None else [base, head]
        output = self._git(
            "diff",
            "--no-ext-diff",
            "--no-textconv",
            "--no-color",
            "--unified=0",
            "--find-renames",
            "--diff-filter=d",
            "--ignore-submodules",
            "--src-prefix=a/",
            "--dst-prefix=b/",
            *commits,
            "--",
        )
        return parse(output)

    def content(self, commit: str, path: str) -> bytes:
        """The bytes of a file as of ``commit``."""
        return self._git("cat-file", "blob", f"{commit}:{path}")

    def blobs(self, commit: str, paths: Sequence[str]) -> list[tuple[str, str]]:
        """(path, blob id) of the texts that ``paths`` have in ``commit`` and had in the year before it."""
        found = []
        for start in range(0, len(paths), PATHS_AT_ONCE):
            places = [f":(top,literal){path}" for path in paths[start : start + PATHS_AT_ONCE]]
            tree = self._git(
                "ls-tree", "-r", "-z", "--full-tree", commit, "--", *paths[start : start + PATHS_AT_ONCE]
            )
            found += [
                (_text(path), facts.split()[2].decode())
                for facts, tab, path in (entry.partition(b"\t") for entry in tree.split(b"\0"))
                if tab
            ]
            log = ["--format=", "--raw", "--no-abbrev", "--no-renames", "-m", "-z", f"--since={HISTORY}"]
            fields = self._git("log", *log, "--end-of-options", commit, "--", *places).split(b"\0")
            for facts, path in itertools.pairwise(fields):
                if facts.startswith(b":"):
                    found += [(_text(path), blob.decode()) for blob in facts.split()[2:4] if blob.strip(b"0")]
        return found

    def files(self, commit: str) -> list[str]:
        """The paths of all files of ``commit``; links and submodules are none."""
        listed = self._git("ls-tree", "-r", "-z", "--full-tree", commit).decode("utf-8", "surrogateescape")
        entries = (entry.partition("\t") for entry in listed.split("\0") if entry)
        return [path for mode, _, path in entries if mode.startswith("100")]

    def contents(self, commit: str, paths: Sequence[str]) -> dict[str, bytes]:
        """The bytes of many files as of ``commit``, in one go."""
        asked = "".join(f"{commit}:{path}\n" for path in paths if "\n" not in path)
        output = self._git("cat-file", "--batch", given=asked.encode("utf-8", "surrogateescape"))
        found: dict[str, bytes] = {}
        at = 0
        for path in (path for path in paths if "\n" not in path):
            end = output.index(b"\n", at)
            kind, _, size = output[at:end].rpartition(b" ")
            at = end + 1
            if kind.endswith(b" blob"):
                found[path] = output[at : at + int(size)]
                at += int(size) + 1
        return found

    def _git(self, *arguments: str, given: bytes = b"") -> bytes:
        quiet = ["-c", "core.quotePath=true", "-c", "core.fsmonitor=false", "-c", "diff.noprefix=false"]
        command = ["git", "--no-pager", "--no-optional-locks", *quiet, *arguments]
        environment = {
            **{
                key: value
                for key, value in os.environ.items()
                if key not in ("GIT_EXTERNAL_DIFF", "GIT_DIFF_OPTS")
            },
            "GIT_TERMINAL_PROMPT": "0",
            "LC_ALL": "C",
        }
        try:
            done = subprocess.run(
                command,
                cwd=self._folder,
                env=environment,
                capture_output=True,
                input=given,
                timeout=TIMEOUT_S,
                check=False,
            )
        except FileNotFoundError:
            raise DiffError("--diff needs the git command, which was not found on PATH") from None
        except subprocess.TimeoutExpired:
            raise DiffError(f"git {arguments[0]} did not finish within {TIMEOUT_S:.0f} s") from None
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            reason = said[0].removeprefix("fatal: ") if said else f"exit status {done.returncode}"
            raise DiffError(f"git {arguments[0]}: {reason}")
        return done.stdout


def split_range(text: str) -> tuple[str, str | None]:
    """``BASE..HEAD`` (or ``BASE...HEAD``) as a pair; (``BASE``, None) without dots. Either side must be named."""
    base, dots, head = text.partition("...") if "..." in text else text.partition("..")
    if not base or base.startswith("-") or (dots and (not head or head.startswith("-"))):
        raise DiffError(f"expected --diff BASE or --diff BASE..HEAD, got {text!r}")
    return base, head if dots else None


def parse(content: bytes) -> Changes:
    """The changes a unified diff describes; an empty one has none. Raises ``DiffError`` for anything else."""
    changes = Changes()
    # Only \n ends a line of a diff: the \r of a file with CRLF belongs to the line.
    lines = content.split(b"\n")
    number, path, seen = 0, None, False
    while number < len(lines):
        line = lines[number]
        number += 1
        if line.startswith(b"diff --git "):
            path, seen = None, True
        elif line.startswith(b"+++ ") and number >= 2 and lines[number - 2].startswith(b"--- "):
            path, seen = _name(line[4:]), True
            before = _name(lines[number - 2][4:], "a/")
            if path is not None:
                changes.added.setdefault(path, {})
                if before not in (None, path):
                    changes.renamed[path] = str(before)
        elif line.startswith(b"@@@"):
            raise DiffError(
                f"line {number}: a combined diff (@@@) of a merge; expected a diff against one parent"
            )
        elif line.startswith(b"@@ "):
            number = _hunk(lines, number, None if path is None else changes.added[path])
        elif line.startswith((b"Binary files ", b"GIT binary patch")):
            seen = True
            changes.binary.append(_binary_name(lines, number))
    if not seen and content.strip():
        raise DiffError("expected a unified diff (lines '--- a/file', '+++ b/file', '@@ ... @@'), found none")
    return changes


def mismatch(added: Mapping[int, str], source_lines: list[str]) -> int | None:
    """The first line where the file is not what the diff says it is; None if they agree."""
    for number, text in sorted(added.items()):
        there = source_lines[number - 1] if number <= len(source_lines) else None
        if there is None or there.rstrip("\r") != text.rstrip("\r"):
            return number
    return None


def _hunk(lines: list[bytes], number: int, added: dict[int, str] | None) -> int:
    """Read one hunk whose header is the line before index ``number``; returns the index after it.

    Lines are counted against the header, so that an added line that looks like a header is not one.
    """
    header = lines[number - 1].decode("utf-8", "replace")
    match = _HUNK.match(header)
    if match is None:
        raise DiffError(f"line {number}: expected '@@ -a,b +c,d @@', got {header[:60]!r}")
    if added is None:
        added = {}
    old, line, new = int(match[1] or 1), int(match[2]), int(match[3] or 1)
    while old > 0 or new > 0:
        if number >= len(lines):
            raise DiffError(
                f"line {number}: the diff ends within a hunk ({old} old and {new} new lines missing)"
            )
        kind, text = lines[number][:1], lines[number][1:]
        number += 1
        if kind == b"+":
            added[line] = text.decode("utf-8", "replace")
            line, new = line + 1, new - 1
        elif kind == b"-":
            old -= 1
        elif kind in (b" ", b"", b"\r"):
            line, old, new = line + 1, old - 1, new - 1
        elif kind != b"\\":
            raise DiffError(f"line {number}: expected a line of a hunk (+, - or space), got {kind!r}")
    return number


def _name(raw: bytes, prefix: str = "b/") -> str | None:
    """The path of a ``+++`` or ``---`` line: unquoted, without timestamp and ``prefix``; None where there is no file."""
    raw = raw.rstrip(b"\r")
    raw = (
        _unquoted(raw[1 : raw.rindex(b'"')])
        if raw.startswith(b'"') and raw.count(b'"') > 1
        else raw.partition(b"\t")[0]
    )
    if raw == b"/dev/null":
        return None
    return _text(raw.removeprefix(prefix.encode()))


def _text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")


def _unquoted(raw: bytes) -> bytes:
    """Undo git's C-style quoting: ``na\\303\\257ve`` and friends."""

    def plain(match: re.Match[bytes]) -> bytes:
        code = match[1]
        if code.isdigit() and len(code) == 3:
            return bytes([int(code, 8) & 0xFF])
        return _ESCAPES.get(code, code)

    return _ESCAPE.sub(plain, raw)


def _binary_name(lines: list[bytes], number: int) -> str:
    """The path of a binary file: from the ``diff --git a/x b/x`` line above."""
    for line in reversed(lines[:number]):
        if line.startswith(b"diff --git "):
            name = line.rstrip(b'\r"').rpartition(b"b/")[2]
            return _unquoted(name).decode("utf-8", "replace")
    return "a binary file"
