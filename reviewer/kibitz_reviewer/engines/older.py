"""Newer syntax in older words, on the same lines and as far as can be in the same columns, for an older `ast` to read.

``except A, B:`` gets its brackets, type parameters are blanked, ``type X = ...`` becomes an assignment. A template string
becomes a name: its value is a template, not a text, and nothing is known of it. What has no older words stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import libcst as cst
    from libcst.metadata import CodeRange


@dataclass(frozen=True, slots=True)
class _Edit:
    """Put ``text`` in the place of a range: 1-based lines, 0-based columns, end exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int
    text: str


def in_older_words(source: str, tree: cst.Module) -> str:
    """``source``, whose tree is ``tree``, in words that older interpreters know."""
    from libcst.metadata import MetadataWrapper, PositionProvider

    wrapper = MetadataWrapper(tree, unsafe_skip_copy=True)
    places = wrapper.resolve(PositionProvider)
    lines = source.split("\n")
    edits = [edit for node, place in places.items() for edit in _edits(node, place, places, lines)]
    apart: list[_Edit] = []
    for edit in sorted(edits, key=lambda e: (e.line, e.column)):
        # What lies within another goes with it.
        if not apart or (apart[-1].end_line, apart[-1].end_column) <= (edit.line, edit.column):
            apart.append(edit)
    for edit in reversed(apart):
        _apply(edit, lines)
    return "\n".join(lines)


def _edits(
    node: cst.CSTNode, place: CodeRange, places: Mapping[cst.CSTNode, CodeRange], lines: list[str]
) -> Iterator[_Edit]:
    import libcst as cst

    start, end = place.start, place.end
    if isinstance(node, cst.ExceptHandler | cst.ExceptStarHandler):
        kinds = node.type
        if isinstance(kinds, cst.Tuple) and not kinds.lpar:
            inner = places[kinds]
            # The bracket takes the blank before the types, so that they stay where they are.
            blank = lines[inner.start.line - 1][inner.start.column - 1 : inner.start.column] == " "
            column = inner.start.column - blank
            yield _Edit(inner.start.line, column, inner.start.line, inner.start.column, "(")
            yield _Edit(inner.end.line, inner.end.column, inner.end.line, inner.end.column, ")")
    elif isinstance(node, cst.TemplatedString):
        text = _name(start.line, start.column, end.line, end.column)
        yield _Edit(start.line, start.column, end.line, end.column, text)
    elif isinstance(node, cst.TypeAlias) and start.line == end.line:
        value = places[node.value].start
        if value.line == start.line:
            name = node.name.value
            width = value.column - start.column - len(name)
            yield _Edit(start.line, start.column, value.line, value.column, name + "= ".rjust(width))
    elif isinstance(node, cst.TypeParameters) and start.line == end.line:
        yield _Edit(start.line, start.column, end.line, end.column, " " * (end.column - start.column))


def _name(line: int, column: int, end_line: int, end_column: int) -> str:
    """A name as wide as a template string, over as many lines."""
    if line == end_line:
        return "t".ljust(end_column - column, "_")
    return "(t" + "\n" * (end_line - line) + ")".rjust(end_column)


def _apply(edit: _Edit, lines: list[str]) -> None:
    before = lines[edit.line - 1][: edit.column]
    after = lines[edit.end_line - 1][edit.end_column :]
    lines[edit.line - 1 : edit.end_line] = (before + edit.text + after).split("\n")
