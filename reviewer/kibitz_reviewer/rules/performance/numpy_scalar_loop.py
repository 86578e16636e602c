"""Arrays walked one by one."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Confidence, Finding, Rule, Severity


class NumpyScalarLoop(Rule):
    """Array is walked element by element in Python.

    Each element is wrapped in an object and unwrapped again, a hundred times slower than an operation on the whole array.

    Write the operation for the whole array: `a + b`, `numpy.where`, `sum`, `cumsum`.
    """

    severity = Severity.LOW
    confidence = Confidence.MEDIUM
    triggers = ("numpy",)
    noncompliant = (
        """
        import numpy as np

        def scale(n):
            values = np.zeros(n)
            for i in range(len(values)):  # finding
                values[i] = values[i] * 2 + 1
            return values
        """,
    )
    compliant = (
        """
        import numpy as np

        def scale(n):
            values = np.zeros(n)
            return values * 2 + 1
        """,
        """
        import numpy as np

        def fill(n, load):
            values = np.zeros(n)
            for i in range(len(values)):
                values[i] = load(i)
            return values
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for loop in module.nodes(ast.For):
            array = _walked(module, loop)
            if array and isinstance(loop.target, ast.Name) and _only_calculates(loop, array, loop.target.id):
                yield self.finding(
                    module, loop, f"`{array}` is walked one by one. Write it for the whole array."
                )


MAKERS = frozenset(
    f"numpy.{name}()" for name in ("array", "zeros", "ones", "empty", "arange", "linspace", "asarray", "full")
)


def _walked(module: Module, loop: ast.For) -> str:
    """The array of ``for i in range(len(array))``; nothing if it is another loop."""
    call = loop.iter
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "range"):
        return ""
    inner = call.args[-1] if len(call.args) <= 2 and call.args else None
    if not (
        isinstance(inner, ast.Call)
        and isinstance(inner.func, ast.Name)
        and inner.func.id == "len"
        and inner.args
    ):
        return ""
    return ast.unparse(inner.args[0]) if module.qualified_name(inner.args[0]) in MAKERS else ""


def _only_calculates(loop: ast.For, array: str, index: str) -> bool:
    """Whether each turn only reads and writes elements at the turn's own index."""
    nodes = [node for statement in loop.body for node in ast.walk(statement)]
    if any(isinstance(node, ast.Call | ast.If | ast.While | ast.Try | ast.Await) for node in nodes):
        return False
    places = [node for node in nodes if isinstance(node, ast.Subscript)]
    return (
        bool(places)
        and all(ast.unparse(node.slice) == index for node in places)
        and any(ast.unparse(node.value) == array for node in places)
    )
