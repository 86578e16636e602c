"""Which lines a change touches, as a unified diff tells it: git's own, or one from a file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

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
    return path_text(raw.removeprefix(prefix.encode()))


def path_text(path: bytes) -> str:
    """A path as git writes it; what is no UTF-8 is kept as surrogates."""
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
