"""Frames copied for each row."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import target_names
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.loops import loop_around
from kibitz_reviewer.rule import Finding, Rule, Severity


class FrameGrownInLoop(Rule):
    """Frame or array grows in a loop, and is copied each time.

    `concat`, `append` and their like make a new one with all that was there: twice the rows take four times as long.

    Collect the parts in a list, and join them once after the loop.
    """

    severity = Severity.HIGH
    triggers = ("pandas", "numpy")
    noncompliant = (
        """
        import pandas as pd

        def load(paths):
            frame = pd.DataFrame()
            for path in paths:
                frame = pd.concat([frame, pd.read_csv(path)])  # finding
            return frame
        """,
        """
        import numpy as np

        def squares(numbers):
            result = np.array([])
            for number in numbers:
                result = np.append(result, number * number)  # finding
            return result
        """,
    )
    compliant = (
        """
        import pandas as pd

        def load(paths):
            return pd.concat([pd.read_csv(path) for path in paths])
        """,
        """
        import numpy as np

        def stacked(groups):
            parts = []
            for group in groups:
                parts.append(np.concatenate([group, group]))
            return np.vstack(parts)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls(
            "pandas.concat",
            "numpy.append",
            "numpy.concatenate",
            "numpy.vstack",
            "numpy.hstack",
            "numpy.r_",
            "pandas.DataFrame().append",
        ):
            statement = module.parent(call)
            if loop_around(module, call) is None or not isinstance(statement, ast.Assign):
                continue
            names = set(target_names(statement))
            if any(isinstance(n, ast.Name) and n.id in names for n in ast.walk(call)):
                yield self.finding(
                    module,
                    call,
                    "All that is there is copied in each turn. Collect the parts in a list, and join them once.",
                )
