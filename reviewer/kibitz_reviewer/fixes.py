"""Fixes: a rule's libcst edit, turned into whole-line edits of the source text.

A rule's ``repair`` gives the node to put in the place of the finding's; how that becomes an offer is in ``repairs``.
"""

from __future__ import annotations

import ast
import difflib
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.finding import Edit, Finding, Fix

if TYPE_CHECKING:
    import libcst as cst

    Replacement: TypeAlias = cst.CSTNode | cst.RemovalSentinel | cst.FlattenSentinel[Any]


@dataclass(slots=True)
class Repair:
    """What a rule asks for besides the node it puts in place, and what it can look at: the file, the nodes around.

    ``module`` is the file as the rule saw it, ``target`` the `ast` twin of the node to replace, ``taken`` the names that
    other fixes of the file make.
    """

    module: Module
    target: ast.AST
    parents: Mapping[cst.CSTNode, cst.CSTNode] = field(default_factory=dict)
    places: Mapping[tuple[int, int, int, int], cst.CSTNode] = field(default_factory=dict)
    imports: list[tuple[str, str | None]] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    above: list[str] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    others: dict[cst.CSTNode, Replacement] = field(default_factory=dict)

    def add_import(self, module: str, name: str | None = None) -> None:
        """See that ``import module``, or ``from module import name``, is there."""
        if (module, name) not in self.imports:
            self.imports.append((module, name))

    def drop_import(self, name: str) -> None:
        """Take away the import that binds ``name``, if nothing uses it any more."""
        self.dropped.append(name)

    def hoist(self, name: str, code: str) -> str:
        """Put ``name = code`` above the statement of the file that holds the node; the name it is free to have."""
        free = self.free_name(name)
        self.taken.add(free)
        self.above.append(f"{free} = {code}")
        return free

    def replace(self, node: cst.CSTNode, new: Replacement) -> None:
        """Also put ``new`` in the place of another node of the same top-level statement."""
        self.others[node] = new

    def twin(self, node: ast.AST) -> cst.CSTNode | None:
        """The libcst twin of an expression or simple statement of the same top-level statement."""
        return self.places.get(self.module.position(node))

    def free_name(self, name: str) -> str:
        """``name``, or one made from it that the file does not use."""
        every = (name, *(f"{name}_{number}" for number in range(2, 999)))
        return next(n for n in every if n not in self.module.words and n not in self.taken)

    def written(self, node: ast.expr) -> cst.CSTNode | None:
        """The libcst twin of where an argument is put together: itself, or what its name is bound to, if only used here."""
        if not isinstance(node, ast.Name):
            return self.twin(node)
        value = self.module.value_of(node)
        loads = [n for n in self.module.nodes(ast.Name) if n.id == node.id and isinstance(n.ctx, ast.Load)]
        same = [n for n in loads if self.module.enclosing_function(n) is self.module.enclosing_function(node)]
        return self.twin(value) if value is not node and len(same) == 1 else None

    def parent(self, node: cst.CSTNode) -> cst.CSTNode | None:
        """The libcst node around ``node``, as far as the top-level statement."""
        return self.parents.get(node)


def with_fixes(module: Module, findings: Iterable[Finding]) -> list[Finding]:
    """``findings`` of one file, each with its fix where its rule has one that holds."""
    from kibitz_reviewer.repairs import offered

    findings = list(findings)
    if module.skipped or not any(finding.anchor for finding in findings):
        return findings
    fixes = offered(module, findings)
    return [replace(f, fix=fixes[f]) if f in fixes else f for f in findings]


def apply_edits(source: str, edits: Iterable[Edit]) -> str:
    """``source`` with ``edits`` (of the same source, not overlapping) made."""
    lines = lines_of(source)
    for edit in sorted(edits, key=lambda edit: (edit.line, edit.end_line), reverse=True):
        lines[edit.line - 1 : edit.end_line] = [edit.text]
    return "".join(lines)


def compatible(fixes: Iterable[Fix]) -> list[Edit]:
    """The edits of as many ``fixes`` as go together: no two touch one line, equal edits (imports) count once."""
    taken: list[Edit] = []
    for fix in fixes:
        new = [edit for edit in fix.edits if edit not in taken]
        if not any(_collide(edit, other) for edit in new for other in taken):
            taken += new
    return taken


def moved(lines: set[int], edits: Iterable[Edit]) -> set[int]:
    """Where ``lines`` are after ``edits``; the lines an edit wrote belong to them too."""
    result = set(lines)
    for edit in sorted(edits, key=lambda edit: edit.line, reverse=True):
        written = edit.text.count("\n")
        shift = written - (edit.end_line - edit.line + 1)
        result = {
            line + shift if line > edit.end_line else line
            for line in result
            if not edit.line <= line <= edit.end_line
        }
        result |= set(range(edit.line, edit.line + written))
    return result


def write_atomically(path: Path, content: bytes) -> None:
    """Put ``content`` in the place of the file at once, its mode kept: a reader sees the old or the new, never half."""
    target = path.resolve()
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).chmod(target.stat().st_mode & 0o7777)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def edits_between(old: str, new: str) -> tuple[Edit, ...]:
    """The whole-line edits that turn ``old`` into ``new``."""
    before, after = lines_of(old), lines_of(new)
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    a, b = before[start : len(before) - end], after[start : len(after) - end]
    matcher = difflib.SequenceMatcher(None, a, b, autojunk=False)
    return tuple(
        Edit(start + i1 + 1, start + i2, "".join(b[j1:j2]))
        for tag, i1, i2, j1, j2 in matcher.get_opcodes()
        if tag != "equal"
    )


def lines_of(source: str) -> list[str]:
    """Lines with their ends, cut at \\n, \\r\\n and \\r only, as Python counts them."""
    lines: list[str] = []
    for piece in source.split("\n"):
        *whole, last = piece.split("\r")
        lines += [part + "\r" for part in whole]
        if last == "" and whole:
            lines[-1] += "\n"
        else:
            lines.append(last + "\n")
    # The text after the last newline has none itself; "" there is no line at all.
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def _collide(edit: Edit, other: Edit) -> bool:
    if edit.end_line < edit.line and other.end_line < other.line:
        return edit.line == other.line
    return edit.line <= max(other.end_line, other.line) and other.line <= max(edit.end_line, edit.line)
