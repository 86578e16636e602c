"""Numbers that do not fit."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import keyword, known, name_of
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Finding, Rule, Severity

NUMPY = {
    f"{sign}int{bits}": ((-(1 << bits - 1), (1 << bits - 1) - 1) if not sign else (0, (1 << bits) - 1))
    for bits in (8, 16, 32, 64)
    for sign in ("", "u")
}
CODES = {
    "b": NUMPY["int8"],
    "B": NUMPY["uint8"],
    "h": NUMPY["int16"],
    "H": NUMPY["uint16"],
    "i": NUMPY["int32"],
    "I": NUMPY["uint32"],
    "q": NUMPY["int64"],
    "Q": NUMPY["uint64"],
}
CTYPES = {f"ctypes.c_{name}": limits for name, limits in NUMPY.items()} | {
    "ctypes.c_short": NUMPY["int16"],
    "ctypes.c_int": NUMPY["int32"],
    "ctypes.c_byte": NUMPY["int8"],
}


class IntegerOverflow(Rule):
    """Number is put where there is no room for it.

    Arrays of fixed-width numbers raise, or wrap around in silence, once a value passes their width: 200 in eight signed bits is
    -56.

    Choose a type that is wide enough, or check the value first.
    """

    severity = Severity.MEDIUM
    cwe = (190,)
    aliases = ("python/integer-overflow@v1.0",)
    triggers = ("numpy", "struct", "array", "ctypes")
    noncompliant = (
        """
        import numpy as np

        def widths():
            return np.array([100, 200, 300], dtype=np.int8)  # finding
        """,
        """
        import struct

        def header():
            return struct.pack("<h", 70000)  # finding
        """,
        """
        import array

        def levels():
            return array.array("b", [1, 500])  # finding
        """,
        """
        import numpy as np

        def total():
            small = np.int32(2147483648)  # finding
            return small
        """,
    )
    compliant = (
        """
        import numpy as np

        def widths():
            return np.array([100, 200, 300], dtype=np.int16)
        """,
        """
        import array
        import struct

        def header(value):
            return struct.pack("<hI", 32767, value) + array.array("B", [255]).tobytes()
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        message = "The value does not fit into this type. Choose a wider one."
        for call in module.calls("numpy.array", "numpy.asarray", "numpy.full", "numpy.arange"):
            limits = self._of_type(module, keyword(call, "dtype"))
            if limits and any(
                not limits[0] <= v <= limits[1] for a in call.args for v in _numbers(module, a)
            ):
                yield self.finding(module, call, message)
        for name, limits in NUMPY.items():
            for call in module.calls(f"numpy.{name}"):
                if call.args and any(not limits[0] <= v <= limits[1] for v in _numbers(module, call.args[0])):
                    yield self.finding(module, call, message)
        for call in module.calls("array.array"):
            limits = CODES.get(str(module.constant(call.args[0], ""))) if call.args else None
            if limits and any(
                not limits[0] <= v <= limits[1] for a in call.args[1:] for v in _numbers(module, a)
            ):
                yield self.finding(module, call, message)
        for call in module.calls("struct.pack"):
            codes = re.sub(r"^[@=<>!]", "", str(module.constant(call.args[0], ""))) if call.args else ""
            if codes.isalpha() and len(codes) == len(call.args) - 1:
                pairs = [
                    (CODES.get(code), known(module, value))
                    for code, value in zip(codes, call.args[1:], strict=True)
                ]
                if any(
                    limits and isinstance(v, int) and not limits[0] <= v <= limits[1] for limits, v in pairs
                ):
                    yield self.finding(module, call, message)
        for call in module.nodes(ast.Call):
            name = module.qualified_name(call.func) or ""
            limits = CTYPES.get(name)
            if (
                limits
                and call.args
                and any(not limits[0] <= v <= limits[1] for v in _numbers(module, call.args[0]))
            ):
                yield self.finding(module, call, message)

    def _of_type(self, module: Module, node: ast.expr | None) -> tuple[int, int] | None:
        text = module.constant(node) if node is not None else None
        return NUMPY.get(text if isinstance(text, str) else name_of(module, node).rpartition(".")[2])


def _numbers(module: Module, node: ast.expr) -> Iterator[int]:
    """The numbers an expression holds."""
    value = module.value_of(node)
    if isinstance(value, ast.List | ast.Tuple):
        for element in value.elts:
            yield from _numbers(module, element)
        return
    if isinstance(value, ast.BinOp) and isinstance(
        value.op, ast.Pow | ast.LShift | ast.Add | ast.Sub | ast.Mult
    ):
        sides = [known(module, value.left), known(module, value.right)]
        if all(isinstance(s, int) and 0 <= s < 1 << 70 for s in sides) and (
            not isinstance(value.op, ast.Pow | ast.LShift) or int(str(sides[1])) < 100
        ):
            left, right = int(str(sides[0])), int(str(sides[1]))
            yield {
                ast.Pow: left**right if isinstance(value.op, ast.Pow) else 0,
                ast.LShift: left << right if isinstance(value.op, ast.LShift) else 0,
                ast.Add: left + right,
                ast.Sub: left - right,
                ast.Mult: left * right,
            }[type(value.op)]
        return
    constant = known(module, value)
    if isinstance(constant, int) and not isinstance(constant, bool):
        yield constant
