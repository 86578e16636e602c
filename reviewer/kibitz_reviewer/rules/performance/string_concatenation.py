"""Text that grows by copies."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.loops import loop_around
from kibitz_reviewer.rule import Finding, Rule, Severity


class StringConcatenation(Rule):
    """Text is built by adding to it in a loop.

    Strings do not change: each `+=` may copy everything so far, and the time grows with the square of the length. CPython can
    sometimes avoid the copy for a local variable; attributes, bytes and other interpreters never.

    Collect the parts in a list and join them once: `"".join(parts)`.
    """

    severity = Severity.LOW
    aliases = ("python/string-concatenation@v1.0",)
    triggers = ("+=", "+")
    noncompliant = (
        """
        def render(rows):
            page = ""
            for row in rows:
                page += f"<li>{row}</li>"  # finding
            return page
        """,
        """
        def dump(self, chunks):
            body = b""
            for chunk in chunks:
                body = body + chunk + b"\\n"  # finding
            return body
        """,
    )
    compliant = (
        """
        def render(rows):
            return "".join(f"<li>{row}</li>" for row in rows)
        """,
        """
        def total(rows):
            sum_ = 0
            for row in rows:
                sum_ += row.price
            return sum_
        """,
        """
        def lines(rows):
            for row in rows:
                line = ""
                line += row.name
                yield line
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for node in module.nodes(ast.AugAssign, ast.Assign):
            name = _grown(node)
            loop = loop_around(module, node)
            if name is None or loop is None or isinstance(loop, ast.While):
                continue
            bindings = [b for b in module.bindings(name) if module.parent(b.node) is not node]
            starts = [b for b in bindings if b.value is not None and _is_text(b.value)]
            if starts and not any(loop in module.ancestors(b.node) for b in starts):
                message = (
                    f"`{name.id}` is copied at every turn. Collect the parts in a list and join them once."
                )
                yield self.finding(module, node, message)


def _grown(node: ast.AugAssign | ast.Assign) -> ast.Name | None:
    """The name that ``node`` adds to."""
    if isinstance(node, ast.AugAssign):
        return node.target if isinstance(node.op, ast.Add) and isinstance(node.target, ast.Name) else None
    first: ast.expr = node.value
    while isinstance(first, ast.BinOp) and isinstance(first.op, ast.Add):
        first = first.left
    target = node.targets[0]
    if first is node.value or not isinstance(first, ast.Name) or not isinstance(target, ast.Name):
        return None
    return target if target.id == first.id else None


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes))
    )
