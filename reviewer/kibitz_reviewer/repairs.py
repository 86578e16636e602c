"""Offers of fixes: each rule's edit made in the top-level statement it concerns, checked on the whole file.

libcst is slow, so only the functions and statements that hold a finding are parsed with it. All fixes of a file that go together are
made at once and reviewed at once: if every rule then finds less by as many as it fixed, all are offered; if not, each is
tried alone. What does not parse, or does not help, is not offered.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.names import BUILTINS
from kibitz_reviewer.engines.parsing import UnparsableError, parse_cst
from kibitz_reviewer.finding import Edit, Finding, Fix
from kibitz_reviewer.fixes import Repair, apply_edits, compatible, edits_between, lines_of
from kibitz_reviewer.imports import added_imports, without_unused
from kibitz_reviewer.rule import Applicability, Rule, rule_named

if TYPE_CHECKING:
    from kibitz_reviewer.fixes import Replacement

MAX_ALONE = 12
EXPRESSIONS = frozenset(
    {"BinOp", "BoolOp", "Compare", "Constant", "JoinedStr", "ListComp", "Name", "Tuple", "List", "UnaryOp"}
    | {"Slice", "Starred", "Yield", "YieldFrom", "Attribute", "Subscript", "Dict", "Set", "Await"}
)
TWINS = {
    "arg": "Param",
    "keyword": "Arg",
    "AsyncFunctionDef": "FunctionDef",
    "AsyncWith": "With",
    "AsyncFor": "For",
    "Compare": "Comparison",
}
NODES = (
    cst.BaseExpression,
    cst.BaseSmallStatement,
    cst.BaseCompoundStatement,
    cst.ExceptHandler,
    cst.Param,
    cst.Arg,
)


@dataclass(frozen=True, slots=True)
class Part:
    """Lines of a file that hold a finding: a function or statement, the top-level line it belongs to, heads of classes around."""

    line: int
    end_line: int
    top: int
    heads: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Segment:
    """A part as libcst sees it: how far its lines are shifted, its text, its nodes by the anchors wanted and by place."""

    shift: int
    top: int
    text: str
    tree: cst.Module
    nodes: Mapping[tuple[str, int, int, int, int], cst.CSTNode]
    parents: Mapping[cst.CSTNode, cst.CSTNode]
    places: Mapping[tuple[int, int, int, int], cst.CSTNode]


def offered(module: Module, findings: Iterable[Finding]) -> dict[Finding, Fix]:
    """The fixes that hold, by finding."""
    drafts: dict[Finding, Fix] = {}
    taken: set[str] = set()
    for part, group in _by_part(module, findings).items():
        segment = _segment(module, part, group)
        for finding in group if segment is not None else []:
            fix = _draft(module, segment, finding, taken) if segment is not None else None
            if fix is not None:
                drafts[finding] = fix
    return _holding(module, drafts)


def _by_part(module: Module, findings: Iterable[Finding]) -> dict[Part, list[Finding]]:
    """Findings by the part of the file they are in."""
    groups: dict[Part, list[Finding]] = {}
    for finding in findings:
        part = _part(module, finding.anchor[1], finding.anchor[3]) if finding.anchor is not None else None
        if part is not None:
            groups.setdefault(part, []).append(finding)
    return groups


def _part(module: Module, line: int, end_line: int) -> Part | None:
    """The function, or else the statement, that holds some lines; classes around it are only named."""
    heads: tuple[str, ...] = ()
    body: list[ast.stmt] = module.tree.body
    top = 0
    while True:
        found = _holding_statement(body, line, end_line)
        if found is None:
            return None
        statement, first, last = found
        top = top or first
        inner = statement.body if isinstance(statement, ast.ClassDef) else None
        if inner is None or _holding_statement(inner, line, end_line) is None:
            return Part(first, last, top, heads)
        heads = (*heads, module.line(statement.lineno)[: statement.col_offset] + "class _:")
        body = inner


def _holding_statement(body: list[ast.stmt], line: int, end_line: int) -> tuple[ast.stmt, int, int] | None:
    """The one statement of a body that holds some lines alone, with its first and last line."""
    for index, statement in enumerate(body):
        first = min([statement.lineno, *(d.lineno for d in getattr(statement, "decorator_list", []))])
        last = statement.end_lineno or statement.lineno
        if first <= line and end_line <= last:
            beside = body[index + 1 : index + 2]
            return None if beside and beside[0].lineno <= last else (statement, first, last)
    return None


def _segment(module: Module, part: Part, findings: Iterable[Finding]) -> Segment | None:
    """A part of the file, parsed; None if it does not parse on its own."""
    lines = lines_of(module.source)[part.line - 1 : part.end_line]
    end = "\r\n" if lines[0].endswith("\r\n") else "\n"
    text = "".join([*(head + end for head in part.heads), *lines])
    shift = part.line - 1 - len(part.heads)
    try:
        wrapper = MetadataWrapper(parse_cst(text), unsafe_skip_copy=True)
    except UnparsableError:
        return None
    wanted: dict[tuple[int, int, int, int], tuple[str, int, int, int, int]] = {
        finding.anchor[1:]: finding.anchor for finding in findings if finding.anchor is not None
    }
    nodes: dict[tuple[str, int, int, int, int], cst.CSTNode] = {}
    places: dict[tuple[int, int, int, int], cst.CSTNode] = {}
    for node, place in wrapper.resolve(PositionProvider).items():
        if isinstance(node, NODES):
            start, stop = place.start, place.end
            where = (start.line + shift, start.column + 1, stop.line + shift, stop.column + 1)
            # Positions are recorded from the inside out: the last one is the outermost.
            places[where] = node
            if where in wanted and _fits(wanted[where][0], node):
                nodes[wanted[where]] = node
    return Segment(shift, part.top, text, wrapper.module, nodes, _parents(wrapper.module), places)


def _parents(tree: cst.CSTNode) -> dict[cst.CSTNode, cst.CSTNode]:
    """The node around each node. libcst's own provider visits, and so rebuilds, the whole tree for it."""
    found: dict[cst.CSTNode, cst.CSTNode] = {}
    stack = [tree]
    while stack:
        node = stack.pop()
        for name in type(node).__dataclass_fields__:
            value = getattr(node, name, None)
            for child in value if isinstance(value, list | tuple) else (value,):
                if isinstance(child, cst.CSTNode):
                    found[child] = node
                    stack.append(child)
    return found


def _fits(kind: str, node: cst.CSTNode) -> bool:
    """Whether a libcst node can be the twin of an `ast` node of class ``kind``."""
    if kind in EXPRESSIONS:
        return isinstance(node, cst.BaseExpression)
    twin = getattr(cst, TWINS.get(kind, kind), None)
    if isinstance(twin, type) and kind not in {"Module", "Expr"}:
        return isinstance(node, twin)
    return isinstance(node, cst.BaseSmallStatement | cst.BaseCompoundStatement | cst.BaseExpression)


def _draft(module: Module, segment: Segment, finding: Finding, taken: set[str]) -> Fix | None:
    """The fix a rule proposes, unchecked; None if it has none for this finding."""
    rule = rule_named(finding.rule)
    node = segment.nodes.get(finding.anchor) if finding.anchor else None
    target = _target(module, finding)
    if rule is None or rule.fix is None or node is None or target is None:
        return None
    repair = Repair(module, target, segment.parents, segment.places, taken=taken)
    new = rule.repair(node, repair)
    if new is None and not repair.others:
        return None
    changes = dict(repair.others)
    if new is not None:
        changes[node] = new
    changed = segment.tree.visit(_Replacement(changes))
    edits = _edits(module, segment, changed.code, repair)
    if not edits:
        return None
    safe = rule.fix is Applicability.SAFE
    return Fix(rule.fix_title or rule.summary, safe, edits)


def _edits(module: Module, segment: Segment, code: str, repair: Repair) -> tuple[Edit, ...]:
    """The edits of the file that a changed statement, new imports and new statements above it come to; none: no fix."""
    shift = segment.shift
    edits = [Edit(e.line + shift, e.end_line + shift, e.text) for e in edits_between(segment.text, code)]
    if not edits:
        return ()
    end = "\r\n" if "\r\n" in segment.text else "\n"
    if repair.above:
        if not all(_is_known(module, line, segment.top) for line in repair.above):
            return ()
        at = segment.top
        while at > 1 and module.line(at - 1).startswith("#"):
            at -= 1
        edits.append(Edit(at, at - 1, "".join(line + end for line in repair.above) + end * 2))
    imports = added_imports(module, repair.imports, end)
    if imports is None:
        return ()
    edits += imports
    edits += without_unused(module, repair.dropped, edits)
    return tuple(sorted(edits, key=lambda edit: edit.line))


def _is_known(module: Module, code: str, line: int) -> bool:
    """Whether all that a statement reads is bound at the top level above a line."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in BUILTINS:
            found = module.names.bindings(node.id, module.tree) or []
            if not found or any(getattr(b.node, "lineno", 0) >= line for b in found):
                return False
    return True


def _target(module: Module, finding: Finding) -> ast.AST | None:
    """The `ast` node a finding wants replaced."""
    if finding.anchor is None:
        return None
    kind = getattr(ast, finding.anchor[0])
    return next((n for n in module.nodes(kind) if module.position(n) == finding.anchor[1:]), None)


class _Replacement(cst.CSTTransformer):
    """Puts new nodes in the places of old ones."""

    def __init__(self, changes: Mapping[cst.CSTNode, Replacement]) -> None:
        super().__init__()
        self._changes = changes

    def on_visit(self, node: cst.CSTNode) -> bool:
        return node not in self._changes

    def on_leave(  # type: ignore[override]
        self, original_node: cst.CSTNode, updated_node: cst.CSTNode
    ) -> Replacement:
        return self._changes.get(original_node, updated_node)


# Checking


def _holding(module: Module, drafts: Mapping[Finding, Fix]) -> dict[Finding, Fix]:
    """The drafts that parse and help: all at once if that works, else one by one."""
    if not drafts:
        return {}
    together: list[Finding] = []
    edits: list[Edit] = []
    for finding, fix in drafts.items():
        more = compatible([Fix("", True, tuple(edits)), fix])
        if set(fix.edits) <= set(more):
            together.append(finding)
            edits = more
    holding: dict[Finding, Fix] = {}
    before = _Counts(module)
    if _helps(before, module, edits, Counter(f.rule for f in together)):
        holding = {finding: drafts[finding] for finding in together}
    alone = [finding for finding in drafts if finding not in holding]
    for finding in alone[:MAX_ALONE]:
        if _helps(before, module, drafts[finding].edits, Counter([finding.rule])):
            holding[finding] = drafts[finding]
    return holding


class _Counts:
    """How often each rule finds something in a file, counted when first asked."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._known: dict[str, int] = {}

    def of(self, rule: Rule) -> int:
        """The findings of ``rule``."""
        if rule.id not in self._known:
            module = self._module
            wanted = rule.wants(module.source, module.words)
            self._known[rule.id] = sum(1 for _ in rule.check(module)) if wanted else 0
        return self._known[rule.id]


def _helps(before: _Counts, module: Module, edits: Iterable[Edit], fixed: Counter[str]) -> bool:
    """Whether the changed text parses, and each rule finds less in it by as many as were fixed."""
    try:
        changed = Module(apply_edits(module.source, edits), module.path)
    except UnparsableError:
        return False
    changed.workspace, changed.follows = module.workspace, module.follows
    after = _Counts(changed)
    for name, count in fixed.items():
        rule = rule_named(name)
        if rule is None or after.of(rule) > before.of(rule) - count:
            return False
    return True
