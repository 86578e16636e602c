"""Cells run in another order."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.names import FUNCTIONS, imports_of
from kibitz_reviewer.engines.notebook import cell_at, cells
from kibitz_reviewer.rule import Finding, Rule, Severity


class ExecutionOrder(Rule):
    """Notebook's cells were run in another order than they stand in.

    What it shows then does not come from what it says: run from top to bottom it fails, or gives something else.

    Restart the kernel and run all cells before it is shared.
    """

    severity = Severity.MEDIUM
    aliases = ("python/notebook-invalid-execution-order@v1.0",)
    triggers = ("# %% cell",)
    noncompliant = (
        """
        # %% cell 1, execution 2
        total = sum(prices)  # finding
        # %% cell 2, execution 1
        prices = [1, 2, 3]
        """,
    )
    compliant = (
        """
        # %% cell 1, execution 1
        prices = [1, 2, 3]
        # %% cell 2, execution 2
        total = sum(prices)
        """,
        """
        # %% cell 1
        def total():
            return sum(prices)
        # %% cell 2
        prices = [1, 2, 3]
        print(total())
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        listed = cells(module)
        bound: dict[str, int] = {}
        for name in module.nodes(ast.Name):
            if not isinstance(name.ctx, ast.Load) and module.enclosing_function(name) is None:
                bound.setdefault(name.id, name.lineno)
        defined = {n.name for n in module.nodes(*FUNCTIONS, ast.ClassDef)} | {
            local for s in module.nodes(ast.Import, ast.ImportFrom) for local, _ in imports_of(s)
        }
        said: set[int] = set()
        for name in module.nodes(ast.Name):
            first = bound.get(name.id)
            if (
                first is None
                or name.id in defined
                or not isinstance(name.ctx, ast.Load)
                or module.enclosing_function(name) is not None
            ):
                continue
            here, there = cell_at(listed, name.lineno), cell_at(listed, first)
            if (
                here is not None
                and there is not None
                and here.number < there.number
                and here.number not in said
            ):
                said.add(here.number)
                yield self.finding(
                    module,
                    name,
                    f"`{name.id}` is made only in a later cell. Run all cells from the top, in this order.",
                )
