"""Variables of many kinds."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import target_names
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.notebook import cell_at, cells
from kibitz_reviewer.rule import Finding, Rule, Severity


class RedefinedVariable(Rule):
    """Variable is something else in a later cell of the notebook.

    Cells are run again and again: which kind it is then depends on which of them ran last.

    Give the second thing a name of its own.
    """

    severity = Severity.MEDIUM
    aliases = ("python/notebook-variable-redefinition@v1.0",)
    triggers = ("# %% cell",)
    noncompliant = (
        """
        # %% cell 1
        prices = [1, 2, 3]
        # %% cell 2
        prices = "cheap"  # finding
        """,
    )
    compliant = (
        """
        # %% cell 1
        prices = [1, 2, 3]
        # %% cell 2
        prices = [4, 5]
        label = "cheap"
        """,
        """
        # %% cell 1
        prices = None
        # %% cell 2
        prices = {"apple": 3}
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        listed = cells(module)
        kinds: dict[str, tuple[int, str]] = {}
        for assign in module.nodes(ast.Assign):
            here = cell_at(listed, assign.lineno)
            kind = _kind(assign.value)
            if here is None or not kind or module.enclosing_function(assign) is not None:
                continue
            for name in target_names(assign):
                number, before = kinds.get(name, (here.number, kind))
                if number < here.number and before != kind:
                    yield self.finding(
                        module,
                        assign,
                        f"`{name}` was a {before} in cell {number}, and is a {kind} here. Give it a name of its own.",
                    )
                kinds[name] = (here.number, kind)


def _kind(node: ast.expr) -> str:
    """The kind of a value as far as it shows."""
    if isinstance(node, ast.Constant) and node.value is not None:
        return "number" if isinstance(node.value, int | float) else type(node.value).__name__
    shapes = {
        ast.List: "list",
        ast.ListComp: "list",
        ast.Dict: "dict",
        ast.DictComp: "dict",
        ast.Set: "set",
        ast.Tuple: "tuple",
        ast.JoinedStr: "str",
        ast.Lambda: "function",
    }
    return shapes.get(type(node), "")
