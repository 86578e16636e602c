"""Constant folding: what an operation on known constants gives, within sizes that cannot hurt."""

from __future__ import annotations

import ast
import functools
import operator
from collections.abc import Callable
from typing import Any

from kibitz_reviewer.dataflow.values import NOTHING, Value

MAX_TEXT = 4096
MAX_NUMBER = 1 << 64
MAX_COMBINATIONS = 16

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}
_METHODS = frozenset(
    [
        "lower",
        "upper",
        "strip",
        "lstrip",
        "rstrip",
        "title",
        "capitalize",
        "swapcase",
        "startswith",
        "endswith",
        "replace",
        "split",
        "partition",
        "rpartition",
        "isdigit",
        "isalpha",
        "isalnum",
        "find",
        "index",
        "count",
        "encode",
        "decode",
        "removeprefix",
        "removesuffix",
        "casefold",
        "join",
        "zfill",
    ]
)
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "len": len,
    "str": str,
    "int": int,
    "bool": bool,
    "abs": abs,
    "min": min,
    "max": max,
    "ord": ord,
    "chr": chr,
    "round": round,
}
_PLAIN = (str, bytes, int, float, bool, type(None))


def binary(op: ast.operator, left: Value, right: Value) -> tuple[Any, ...] | None:
    """The constants of ``left op right``; None if they cannot be told."""
    function = _BINARY.get(type(op))
    if function is None or left.constants is None or right.constants is None:
        return None
    return _each(function, left.constants, right.constants)


def compare(op: ast.cmpop, left: Value, right: Value) -> tuple[Any, ...] | None:
    """The constants of ``left op right``; None if they cannot be told."""
    function = _COMPARE.get(type(op))
    if function is None or left.constants is None or right.constants is None:
        return None
    return _each(function, left.constants, right.constants)


def method(receiver: Value, name: str, args: list[Value]) -> tuple[Any, ...] | None:
    """The constants of a method of known texts."""
    if name not in _METHODS or receiver.constants is None or any(arg.constants is None for arg in args):
        return None
    if len(receiver.constants) > 1 or any(len(arg.constants or ()) > 1 for arg in args):
        return None
    target = receiver.constants[0]
    if not isinstance(target, str | bytes):
        return None
    return _guarded(lambda: getattr(target, name)(*[arg.constant for arg in args]))


def function(name: str, args: list[Value]) -> tuple[Any, ...] | None:
    """The constants of a builtin function of known constants."""
    known = _FUNCTIONS.get(name)
    if known is None or not args or any(arg.constant is NOTHING for arg in args):
        return None
    return _guarded(lambda: known(*[arg.constant for arg in args]))


def truth(value: Value) -> bool | None:
    """Whether a value is true; None if it may be either."""
    if value.constants is None or not value.constants:
        return None
    truths = {bool(constant) for constant in value.constants}
    return truths.pop() if len(truths) == 1 else None


def _each(
    function: Callable[[Any, Any], Any], left: tuple[Any, ...], right: tuple[Any, ...]
) -> tuple[Any, ...] | None:
    if len(left) * len(right) > MAX_COMBINATIONS:
        return None
    result: list[Any] = []
    for a in left:
        for b in right:
            if _is_large(a) or _is_large(b):
                return None
            if function is operator.mul and not (isinstance(a, int | float) and isinstance(b, int | float)):
                return None
            found = _guarded(functools.partial(function, a, b))
            if found is None:
                return None
            if not any(type(found[0]) is type(x) and found[0] == x for x in result):
                result.append(found[0])
    return tuple(result)


def _guarded(work: Callable[[], Any]) -> tuple[Any, ...] | None:
    try:
        result = work()
    except Exception:
        return None
    return (result,) if isinstance(result, _PLAIN) and not _is_large(result) else None


def _is_large(value: Any) -> bool:
    if isinstance(value, str | bytes):
        return len(value) > MAX_TEXT
    return isinstance(value, int | float) and not -MAX_NUMBER < value < MAX_NUMBER
