"""The shape of a file: its logical lines as hashes, with names and literals taken out of them.

Two pieces of code of one shape differ in layout, comments, names and values at most. Attributes, builtins and keywords
stay as they are: they are what the code does. Lines that only import, and docstrings, are no part of a shape.
"""

from __future__ import annotations

import builtins
import keyword
import re
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

#: What one line counts at most, however long: a long call is still one thought.
MAX_WEIGHT = 16
NAME, LITERAL = "n", "0"

#: Blanks before each token go with it. The groups, by how often they come: name, operator, newline, string, number, other.
_TOKEN = re.compile(
    r"[ \t\f]*(?:([^\W\d]\w*(?!['\"\w]))"
    r"|(->|:=|\*\*=?|//=?|[-+*/%&|^<>=!@]=|<<|>>|\.(?!\d)|[^\s\w.'\"#\\])"
    r"|((?:\r\n?|\n)[ \t\f]*)"
    r'''|([rbfutRBFUT]{0,3}(?:"""(?:[^"\\]|\\.|"(?!""))*"""|\'{3}(?:[^'\\]|\\.|'(?!''))*\'{3}'''
    r"""|"(?:[^"\\\r\n]|\\.)*"|'(?:[^'\\\r\n]|\\.)*'))"""
    r"|(\.?\d(?:[eE][-+]|[\w.])*)"
    r"|(#[^\r\n]*|\\(?:\r\n?|\n)|.))",
    re.DOTALL,
)
_A_NAME, _AN_OPERATOR, _A_NEWLINE, _A_STRING, _A_NUMBER, _OTHER = range(1, 7)
_NEWLINE = re.compile(r"\r\n?|\n")
_OWN = ("self", "cls")
_KEPT = frozenset((*keyword.kwlist, *_OWN, *(name for name in vars(builtins) if name.islower())))
_OF_OWN = [[name] for name in _OWN]
_PLAIN = frozenset({LITERAL, NAME, "None", "True", "False", *"()[]{},:=-."})
_CONSTANTS = frozenset({LITERAL, "None", "True", "False"})


@dataclass(slots=True)
class Shape:
    """The logical lines of one file, column by column.

    ``hashes``: of each line's normal form; ``levels``: how deep it is indented; ``weights``: how much there is to it, 0 for
    declarations and tables; ``starts``, ``ends``: its first and last line in the file, 1-based.
    """

    hashes: array[int] = field(default_factory=lambda: array("L"))
    levels: array[int] = field(default_factory=lambda: array("H"))
    weights: array[int] = field(default_factory=lambda: array("B"))
    starts: array[int] = field(default_factory=lambda: array("L"))
    ends: array[int] = field(default_factory=lambda: array("L"))
    #: Which of the lines begin a function or class (a decorator does).
    heads: set[int] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self.hashes)

    def as_lists(self) -> list[list[int]]:
        """The columns, for a file."""
        columns = (self.hashes, self.levels, self.weights, self.starts, self.ends)
        return [*(column.tolist() for column in columns), sorted(self.heads)]

    @classmethod
    def of_lists(cls, lists: list[list[int]] | None) -> Shape | None:
        """The shape of these columns."""
        if lists is None:
            return None
        hashes, levels, weights, starts, ends, heads = lists
        return cls(
            array("L", hashes),
            array("H", levels),
            array("B", weights),
            array("L", starts),
            array("L", ends),
            set(heads),
        )


@dataclass(frozen=True, slots=True)
class Line:
    """One logical line: its normal form, the names taken out of it in order, its indentation, and where it is."""

    parts: list[str]
    names: list[str]
    indent: int
    start: int
    end: int


def shape_of(source: str) -> Shape:
    """The shape of a source text."""
    shape = Shape()
    indents = [0]
    for line in lines_of(source):
        while line.indent < indents[-1]:
            indents.pop()
        if line.indent > indents[-1]:
            indents.append(line.indent)
        if line.parts[0] in ("def", "class", "async", "@"):
            shape.heads.add(len(shape))
        shape.hashes.append(zlib.crc32(" ".join(line.parts).encode("utf-8", "surrogatepass")))
        shape.levels.append(min(len(indents) - 1, 65_535))
        shape.weights.append(_weight(line.parts))
        shape.starts.append(line.start)
        shape.ends.append(line.end)
    return shape


def lines_of(source: str) -> Iterator[Line]:  # noqa: C901 - a call for each token would cost more than what it does
    """The logical lines of a source text, without imports and without strings that stand alone."""
    parts: list[str] = []
    names: list[str] = []
    depth, indent, number, start = 0, 0, 1, 1
    kept = _KEPT
    for match in _TOKEN.finditer(source):
        kind = match.lastindex
        text = match[kind or 0]
        if kind == _A_NEWLINE:
            if not depth:
                if parts:
                    if _counts(parts):
                        yield Line(parts, names, indent, start, number)
                    parts, names = [], []
                indent = len(text.lstrip("\r\n").expandtabs())
            number += 1
            continue
        if not parts:
            if kind == _OTHER:
                number += text[0] == "\\"
                continue
            start = number
        if kind == _A_NAME:
            if text in kept or (parts and parts[-1] == "." and parts[-2:-1] not in _OF_OWN):
                parts.append(text)
            else:
                parts.append(NAME)
                names.append(text)
        elif kind == _AN_OPERATOR:
            if text in "([{":
                depth += 1
            elif text in ")]}":
                depth = max(0, depth - 1)
                if parts and parts[-1] == ",":
                    parts.pop()
            parts.append(text)
        elif kind == _OTHER:
            number += text[0] == "\\"
        else:
            if not parts or parts[-1] != LITERAL:
                parts.append(LITERAL)
            if kind == _A_STRING and ("\n" in text or "\r" in text):
                number += len(_NEWLINE.findall(text))
    if _counts(parts):
        yield Line(parts, names, indent, start, number)


def _counts(parts: list[str]) -> bool:
    return bool(parts) and parts[0] not in ("import", "from") and parts != [LITERAL]


def _weight(parts: list[str]) -> int:
    """How much code a line is: its tokens up to a limit; none for a declaration or a row of a table."""
    if parts[:2] == [NAME, ":"] or parts[0] in ("pass", "@", "global", "nonlocal"):
        return 0
    if _PLAIN.issuperset(parts):
        words = [part for part in parts if part == NAME or part in _CONSTANTS]
        literals = sum(1 for part in words if part != NAME)
        calls = any(part == "(" and before == NAME for before, part in pairwise(parts))
        if 2 * literals >= len(words) and not calls:
            return 0
    return min(len(parts), MAX_WEIGHT)
