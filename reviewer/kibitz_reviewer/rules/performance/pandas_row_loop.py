"""Tables walked row by row."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Finding, Rule, Severity


class PandasRowLoop(Rule):
    """Table is walked row by row with `iterrows`.

    Each turn builds a Series, converts the values to a common type on the way, and costs microseconds where an operation on
    whole columns costs nanoseconds a row.

    Compute with columns (`frame["a"] * frame["b"]`), or walk with `itertuples`, which is an order of magnitude faster.
    """

    severity = Severity.LOW
    aliases = ("python/use-of-inefficient-api@v1.0",)
    triggers = ("iterrows",)
    noncompliant = (
        """
        import pandas as pd

        def total(path):
            frame = pd.read_csv(path)
            result = 0
            for index, row in frame.iterrows():  # finding
                result += row["price"] * row["count"]
            return result
        """,
        """
        import pandas

        def names(frame: pandas.DataFrame):
            return [row["name"] for _, row in frame.iterrows()]  # finding
        """,
    )
    compliant = (
        """
        import pandas as pd

        def total(path):
            frame = pd.read_csv(path)
            return (frame["price"] * frame["count"]).sum()
        """,
        """
        import pandas as pd

        def names(frame):
            return [row.name for row in frame.itertuples()]
        """,
        """
        def walk(table):
            for row in table.iterrows():
                yield row
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        if "pandas" not in module.imported:
            return
        for call in module.method_calls("iterrows"):
            if isinstance(module.parent(call), (ast.For, ast.comprehension)) and not call.args:
                yield self.finding(
                    module,
                    call,
                    "`iterrows` builds a Series per row. Compute with columns, or use `itertuples`.",
                )
