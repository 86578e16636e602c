"""Paths through a function: whether on each that ends normally, what was opened is closed and what was taken is given back.

Exceptions are another matter, which the rules ask about themselves: a path counts here if it leaves by ``return`` or by the
end of the function. What cannot be told counts as closed.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.names import FUNCTIONS

OPEN, CLOSED = "open", "closed"
LEAVING = frozenset({"sys.exit", "os._exit", "exit", "quit", "os.abort"})


def stays_open(module: Module, start: ast.stmt, name: str, closes: Callable[[ast.AST], bool]) -> bool:
    """Whether a path from ``start`` to a normal end of its function passes no node for which ``closes`` is true.

    ``name`` is the variable that holds the thing, or the lock as written: a condition on it, or handing it on, counts as
    closing.
    """
    paths = _Paths(module, start, name, closes)
    node: ast.AST = start
    while True:
        parent = module.parent(node)
        block = _block_of(parent, node)
        if parent is None or block is None or paths.is_cleaned(parent, node):
            return False
        outcome = paths.run(block[block.index(node) + 1 :])  # type: ignore[arg-type]
        if isinstance(parent, ast.Try) and OPEN in outcome and block is parent.body:
            outcome = (outcome - {OPEN}) | paths.run(parent.orelse)
        if paths.leaks or OPEN not in outcome:
            return paths.leaks
        if isinstance(parent, (*FUNCTIONS, ast.Module)):
            return not isinstance(parent, ast.Module)
        if isinstance(parent, ast.For | ast.AsyncFor | ast.While | ast.ClassDef):
            return False  # whether another turn closes it cannot be told
        node = parent


def _block_of(parent: ast.AST | None, node: ast.AST) -> list[ast.stmt] | None:
    """The list of statements of ``parent`` that ``node`` is in."""
    for field in ("body", "orelse", "finalbody"):
        block = getattr(parent, field, None)
        if isinstance(block, list) and node in block:
            return block
    return None


class _Paths:
    """Runs statements as far as it matters, with one thing open."""

    def __init__(self, module: Module, start: ast.stmt, name: str, closes: Callable[[ast.AST], bool]) -> None:
        self._module, self._name, self._closes = module, name, closes
        self.leaks = False
        around = [n for n in module.ancestors(start) if isinstance(n, ast.If)]
        #: What held when it was opened still holds.
        self._held = {ast.dump(test.test) for test in around}

    def is_cleaned(self, parent: ast.AST, node: ast.AST) -> bool:
        """Whether ``node`` stands in a ``try`` whose ``finally`` closes."""
        return isinstance(parent, ast.Try) and node not in parent.finalbody and self._within(parent.finalbody)

    def run(self, block: Sequence[ast.stmt]) -> frozenset[str]:
        """How a block is left at its end: with the thing open, closed, either, or (empty) not at all."""
        closed: frozenset[str] = frozenset()
        for statement in block:
            outcome = self._one(statement)
            closed |= outcome & {CLOSED}
            if OPEN not in outcome:
                return closed
        return closed | {OPEN}

    def _one(self, statement: ast.stmt) -> frozenset[str]:
        if isinstance(statement, ast.Return):
            handed_on = statement.value is not None and (
                self._names(statement.value) or self._within([statement])
            )
            self.leaks = self.leaks or not handed_on
            return frozenset()
        if isinstance(statement, ast.Raise | ast.Break | ast.Continue):
            return frozenset()
        if isinstance(statement, ast.If):
            return self._if(statement)
        if isinstance(statement, ast.With | ast.AsyncWith):
            if any(self._names(item.context_expr) for item in statement.items):
                return frozenset({CLOSED})
            return self.run(statement.body)
        if isinstance(statement, ast.Try):
            return self._try(statement)
        if isinstance(statement, ast.For | ast.AsyncFor | ast.While | ast.Match):
            return self._repeated(statement)
        if isinstance(statement, (*FUNCTIONS, ast.ClassDef)):
            return frozenset({CLOSED if self._names(statement) else OPEN})
        return self._plain(statement)

    def _plain(self, statement: ast.stmt) -> frozenset[str]:
        if self._within([statement]):
            return frozenset({CLOSED})
        for call in ast.walk(statement):
            if isinstance(call, ast.Call) and self._module.qualified_name(call.func) in LEAVING:
                return frozenset()
        return frozenset({OPEN})

    def _if(self, statement: ast.If) -> frozenset[str]:
        if ast.dump(statement.test) in self._held:
            return self.run(statement.body)
        if self._names(statement.test):
            return frozenset({CLOSED}) if self._within([statement]) else frozenset({OPEN})
        return self.run(statement.body) | self.run(statement.orelse)

    def _try(self, statement: ast.Try) -> frozenset[str]:
        if self._within(statement.finalbody):
            return frozenset({CLOSED})
        outcome = self.run(statement.body)
        if OPEN in outcome:
            outcome = (outcome - {OPEN}) | self.run(statement.orelse)
        if not self._within(statement.body):
            for handler in statement.handlers:
                outcome |= self.run(handler.body)
        return outcome

    def _repeated(self, statement: ast.stmt) -> frozenset[str]:
        if self._within([statement]):
            return frozenset({CLOSED})
        for field in ("body", "orelse"):
            self.run(getattr(statement, field, []))
        return frozenset({OPEN})

    def _within(self, block: Sequence[ast.AST]) -> bool:
        return any(self._closes(node) for statement in block for node in ast.walk(statement))

    def _names(self, node: ast.AST) -> bool:
        return any(
            isinstance(n, ast.Name | ast.Attribute) and ast.unparse(n) == self._name for n in ast.walk(node)
        )
