"""Imports that fixes need or no longer need, as edits of whole lines."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.finding import Edit


def added_imports(module: Module, wanted: Iterable[tuple[str, str | None]], end: str) -> list[Edit] | None:
    """The edits that see to imports (module, and name or None); None if a name they need means something else here."""
    edits: list[Edit] = []
    for owner, name in wanted:
        local = name or owner.partition(".")[0]
        found = module.names.bindings(local, module.tree) or []
        qualified = f"{owner}.{name}" if name else local
        if any(b.qualified == qualified and _is_early(module, b.node) for b in found):
            if name or "." not in owner or owner in module.imported:
                continue
        elif found or _is_bound_within(module, local):
            return None
        beside = _beside(module, owner) if name else None
        if beside is not None:
            edits.append(Edit(beside, beside, _with_name(module.line(beside), str(name)) + end))
            continue
        text = f"from {owner} import {name}" if name else f"import {owner}"
        at = _place(module)
        alone = not any(isinstance(s, ast.Import | ast.ImportFrom) for s in module.tree.body)
        if alone and 1 < at <= len(module.lines) and not module.line(at).strip():
            at += 1  # below the blank line under the docstring
        edits.append(Edit(at, at - 1, text + end * 2 if alone else text + end))
    return _merged(edits)


def without_unused(module: Module, names: Iterable[str], edits: Iterable[Edit]) -> list[Edit]:
    """The edits that take away the imports of ``names`` that nothing uses once ``edits`` are made."""
    edits = list(edits)
    found: list[Edit] = []
    for name in names:
        statements = [
            s for s in module.tree.body if isinstance(s, ast.Import | ast.ImportFrom) and _binds(s, name)
        ]
        if len(statements) != 1 or len(statements[0].names) != 1 or f'"{name}"' in module.source:
            continue
        written = any(re.search(rf"\b{name}\b", edit.text) for edit in edits)
        uses = [node for node in _uses(module, name) if not any(_touches(edit, node) for edit in edits)]
        if not uses and not written:
            line = statements[0].lineno
            found.append(Edit(line, statements[0].end_lineno or line, ""))
    return found


def _binds(statement: ast.Import | ast.ImportFrom, name: str) -> bool:
    return any((alias.asname or alias.name.partition(".")[0]) == name for alias in statement.names)


def _uses(module: Module, name: str) -> list[ast.Name]:
    return [node for node in module.nodes(ast.Name) if node.id == name]


def _touches(edit: Edit, node: ast.Name) -> bool:
    return edit.line <= node.lineno <= edit.end_line


def _is_early(module: Module, node: ast.AST) -> bool:
    """Whether an import stands at the top level, where everything sees it."""
    return module.parent(node) is module.tree


def _is_bound_within(module: Module, name: str) -> bool:
    """Whether anything in the file, in whatever scope, is already called ``name``."""
    stored = any(node.id == name and not isinstance(node.ctx, ast.Load) for node in module.nodes(ast.Name))
    return stored or any(node.arg == name for node in module.nodes(ast.arg))


def _place(module: Module) -> int:
    """The line before which a new import goes: after the imports the file begins with, or its docstring."""
    at = 0
    body = module.tree.body
    for index, statement in enumerate(body):
        is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant) and index == 0
        if not is_text and not isinstance(statement, ast.Import | ast.ImportFrom):
            break
        at = (statement.end_lineno or statement.lineno) + 1
    if at:
        return at
    if not body:
        return 1
    first: int = min([body[0].lineno, *(d.lineno for d in getattr(body[0], "decorator_list", []))])
    return first


def _beside(module: Module, owner: str) -> int | None:
    """The line of a ``from owner import ...`` of one line at the top level, which takes one name more."""
    for statement in module.tree.body:
        if isinstance(statement, ast.ImportFrom) and statement.module == owner and not statement.level:
            line = module.line(statement.lineno)
            if statement.lineno == statement.end_lineno and not re.search(r"[(;#*]", line):
                return statement.lineno
    return None


def _with_name(line: str, name: str) -> str:
    return f"{line.rstrip()}, {name}"


def _merged(edits: list[Edit]) -> list[Edit]:
    """Insertions at one place, as one."""
    if len(edits) < 2 or len({edit.line for edit in edits}) > 1:
        return edits
    return [Edit(edits[0].line, edits[0].end_line, "".join(sorted(edit.text for edit in edits)))]
