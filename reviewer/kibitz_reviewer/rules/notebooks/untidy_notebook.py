"""Notebooks that only run here."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.notebook import cell_at, cells
from kibitz_reviewer.rule import Confidence, Finding, Rule, Severity


class UntidyNotebook(Rule):
    """Notebook does something that makes it hard to run elsewhere.

    Packages installed or folders changed in the middle, and imports all over, make a notebook work on one machine, once.

    Import in the first cells, name packages in a requirements file, and use relative paths.
    """

    severity = Severity.LOW
    confidence = Confidence.MEDIUM
    aliases = ("python/notebook-best-practice-violation@v1.0",)
    triggers = ("# %% cell",)
    noncompliant = (
        """
        # %% cell 1
        import os
        prices = [1]
        # %% cell 2
        print(prices)
        # %% cell 3
        import json  # finding
        # %% cell 4
        os.chdir("/home/me/data")  # finding
        """,
    )
    compliant = (
        """
        # %% cell 1
        import json
        import os
        # %% cell 2
        print(json.dumps([1]))
        """,
        """
        import json

        def load():
            import os
            return os.getcwd(), json.dumps([1])
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        listed = cells(module)
        if not listed:
            return
        numbers = {
            here.number
            for s in module.tree.body
            if not isinstance(s, ast.Import | ast.ImportFrom)
            and (here := cell_at(listed, s.lineno)) is not None
        }
        for statement in module.tree.body:
            here = cell_at(listed, statement.lineno)
            if here is None:
                continue
            if (
                isinstance(statement, ast.Import | ast.ImportFrom)
                and len([n for n in numbers if n < here.number]) >= 2
            ):
                yield self.finding(
                    module, statement, "Imports all over a notebook fail late. Import in the first cell."
                )
        for call in module.calls(
            "os.chdir", "os.system", "get_ipython().system", "get_ipython().run_line_magic"
        ):
            if module.enclosing_function(call) is None:
                yield self.finding(
                    module,
                    call,
                    "This works on one machine, once. Use relative paths, and name packages in a file.",
                )
