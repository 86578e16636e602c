"""A function for each row."""

from __future__ import annotations

from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import keyword
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Finding, Rule, Severity


class PandasRowApply(Rule):
    """Function is called for each row of a table with `apply(axis=1)`.

    Each row becomes a Series of its own, and Python runs for each: hundreds of times slower than a calculation on columns.

    Calculate with whole columns, `where`, `map` or `numpy.select`.
    """

    severity = Severity.LOW
    triggers = ("apply",)
    noncompliant = (
        """
        import pandas as pd

        def totals(frame: pd.DataFrame):
            return frame.apply(lambda row: row["price"] * row["count"], axis=1)  # finding
        """,
    )
    compliant = (
        """
        import pandas as pd

        def totals(frame: pd.DataFrame):
            return frame["price"] * frame["count"]
        """,
        """
        import pandas as pd

        def spread(frame: pd.DataFrame):
            return frame.apply(lambda column: column.max() - column.min(), axis=0), frame["name"].apply(len)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        if "pandas" not in module.imported:
            return
        for call in module.method_calls("apply"):
            axis = keyword(call, "axis")
            if axis is not None and module.constant(axis) in (1, "columns"):
                yield self.finding(
                    module, call, "This runs Python for each row. Calculate with whole columns."
                )
