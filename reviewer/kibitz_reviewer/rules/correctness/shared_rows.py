"""Rows that are all the same list."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.edits import code_of, parsed
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity


class SharedRows(Rule):
    """List of lists is made by repeating one list.

    `[[0] * 3] * 2` holds the same row twice: a change in one row shows in all of them.

    Make each row anew: `[[0] * 3 for _ in range(2)]`.
    """

    severity = Severity.LOW
    aliases = ("python/multidimension-list-using-replication@v1.0",)
    fix = Applicability.SUGGESTED
    fix_title = "Make each row anew"
    noncompliant = (
        """
        def board(size):
            cells = [[0] * size] * size  # finding
            cells[0][0] = 1
            return cells
        """,
        """
        def groups():
            return [{}] * 4, [[]] * 3, [set()] * 2  # finding
        """,
    )
    compliant = (
        """
        def board(size):
            return [[0] * size for _ in range(size)]
        """,
        """
        def line(size):
            return [0] * size, [None] * size, ["-"] * size, [(0, 0)] * size
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        said: set[int] = set()
        for node in module.nodes(ast.BinOp):
            if not isinstance(node.op, ast.Mult):
                continue
            for side, other in ((node.left, node.right), (node.right, node.left)):
                if (
                    isinstance(side, ast.List)
                    and any(_is_changeable(module, e) for e in side.elts)
                    and module.constant(other) not in (0, 1)
                    and _is_kept(module, node)
                ):
                    if node.lineno not in said:
                        said.add(node.lineno)
                        yield self.finding(
                            module,
                            node,
                            "All rows are the same object. Make each anew: `[... for _ in range(n)]`.",
                        )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.BinaryOperation):
            return None
        row, count = (node.left, node.right) if isinstance(node.left, cst.List) else (node.right, node.left)
        if (
            not isinstance(row, cst.List)
            or len(row.elements) != 1
            or isinstance(row.elements[0], cst.StarredElement)
        ):
            return None
        return parsed(f"[{code_of(row.elements[0].value)} for _ in range({code_of(count)})]")


def _is_changeable(module: Module, node: ast.expr) -> bool:
    """Whether an element can be changed in place."""
    if isinstance(node, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp):
        return True
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return isinstance(node.left, ast.List) or isinstance(node.right, ast.List)
    return isinstance(node, ast.Call) and (module.qualified_name(node.func) or "") in (
        "list",
        "dict",
        "set",
        "collections.deque",
        "bytearray",
    )


def _is_kept(module: Module, node: ast.AST) -> bool:
    """Whether the rows are kept under a name or handed out: an argument is mostly read and dropped."""
    parent = module.parent(node)
    while isinstance(parent, ast.BinOp | ast.List | ast.Tuple | ast.IfExp):
        parent = module.parent(parent)
    return isinstance(parent, ast.Assign | ast.AnnAssign | ast.Return | ast.Yield | ast.NamedExpr)
