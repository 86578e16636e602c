"""Fixes: a rule's libcst edit, turned into whole-line edits of the source text.

The finding's node is found in the libcst tree by its kind and place, replaced by what the rule's ``repair`` returns, and
the whole file is generated again: formatting elsewhere stays because libcst keeps it. A fix is only offered if the
result parses and the rule finds less in it than before.
"""

from __future__ import annotations

import difflib
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.parsing import UnparsableError, parse_cst
from kibitz_reviewer.finding import Edit, Finding, Fix
from kibitz_reviewer.rule import Applicability, Rule, rule_named

if TYPE_CHECKING:
    import libcst as cst

Anchor = tuple[str, int, int, int, int]


@dataclass(slots=True)
class Repair:
    """What a rule asks for besides the node it puts in place: imports the new code needs."""

    imports: list[tuple[str, str | None]] = field(default_factory=list)

    def add_import(self, module: str, name: str | None = None) -> None:
        """See that ``import module``, or ``from module import name``, is there."""
        if (module, name) not in self.imports:
            self.imports.append((module, name))


def with_fixes(module: Module, findings: Iterable[Finding]) -> list[Finding]:
    """``findings`` of one file, each with its fix where its rule has one that holds."""
    findings = list(findings)
    wanted = {finding.anchor for finding in findings if finding.anchor is not None}
    if not wanted or module.skipped:
        return findings
    try:
        tree, nodes = _locate(module.source, wanted)
    except UnparsableError:
        return findings
    return [_with_fix(module, finding, tree, nodes) for finding in findings]


def apply_edits(source: str, edits: Iterable[Edit]) -> str:
    """``source`` with ``edits`` (of the same source, not overlapping) made."""
    lines = _split(source)
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


def _with_fix(
    module: Module, finding: Finding, tree: cst.Module, nodes: dict[Anchor, cst.CSTNode]
) -> Finding:
    rule = rule_named(finding.rule)
    node = nodes.get(finding.anchor) if finding.anchor else None
    if rule is None or rule.fix is None or node is None:
        return finding
    fixed = _repaired(rule, tree, node)
    if fixed is None or fixed == module.source or not _helps(rule, module, fixed):
        return finding
    fix = Fix(
        rule.fix_title or rule.summary, rule.fix is Applicability.SAFE, edits_between(module.source, fixed)
    )
    return replace(finding, fix=fix)


def _repaired(rule: Rule, tree: cst.Module, node: cst.CSTNode) -> str | None:
    """The whole file's text with ``node`` repaired; None if the rule cannot."""
    import libcst as cst

    repair = Repair()
    new = rule.repair(node, repair)
    if new is None:
        return None
    changed = tree.deep_replace(node, new)
    if not isinstance(changed, cst.Module):
        return None
    if repair.imports:
        from libcst.codemod import CodemodContext
        from libcst.codemod.visitors import AddImportsVisitor

        context = CodemodContext()
        for module_name, name in repair.imports:
            AddImportsVisitor.add_needed_import(context, module_name, name)
        changed = AddImportsVisitor(context).transform_module(changed)
    return changed.code


def _helps(rule: Rule, module: Module, fixed: str) -> bool:
    """Whether the fixed text parses and holds fewer findings of the rule than before."""
    try:
        after = Module(fixed, module.path)
    except UnparsableError:
        return False
    before = sum(1 for _ in rule.check(module))
    return not rule.wants(after.source, after.words) or sum(1 for _ in rule.check(after)) < before


def edits_between(old: str, new: str) -> tuple[Edit, ...]:
    """The whole-line edits that turn ``old`` into ``new``."""
    before, after = _split(old), _split(new)
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


def _split(source: str) -> list[str]:
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


def _locate(source: str, wanted: set[Anchor]) -> tuple[cst.Module, dict[Anchor, cst.CSTNode]]:
    """The libcst tree and, for each wanted anchor, the outermost fitting node at that place."""
    from libcst.metadata import MetadataWrapper, PositionProvider

    wrapper = MetadataWrapper(parse_cst(source), unsafe_skip_copy=True)
    places = {anchor[1:]: anchor for anchor in wanted}
    found: dict[Anchor, cst.CSTNode] = {}
    for node, place in wrapper.resolve(PositionProvider).items():
        span = (place.start.line, place.start.column + 1, place.end.line, place.end.column + 1)
        anchor = places.get(span)
        if anchor is not None and _fits(anchor[0], node):
            # Positions are recorded from the inside out: the last one is the outermost.
            found[anchor] = node
    return wrapper.module, found


def _fits(kind: str, node: cst.CSTNode) -> bool:
    """Whether a libcst node can be the twin of an `ast` node of class ``kind``."""
    import libcst as cst

    named = {
        "arg": "Param",
        "keyword": "Arg",
        "AsyncFunctionDef": "FunctionDef",
        "AsyncWith": "With",
        "AsyncFor": "For",
    }
    twin = getattr(cst, named.get(kind, kind), None)
    if isinstance(twin, type) and kind not in {"Module", "Expr"}:
        return isinstance(node, twin)
    expressions = {
        "BinOp",
        "BoolOp",
        "Compare",
        "Constant",
        "JoinedStr",
        "ListComp",
        "Name",
        "Tuple",
        "List",
        "UnaryOp",
    }
    if kind in expressions or kind in {"Slice", "Starred", "Yield", "YieldFrom"}:
        return isinstance(node, cst.BaseExpression)
    return isinstance(node, cst.BaseSmallStatement | cst.BaseCompoundStatement | cst.BaseExpression)
