"""SQL with its values as parameters, in the manner of the driver at hand."""

from __future__ import annotations

import ast

from kibitz_reviewer.engines.edits import code_of, parsed
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.engines.pieces import parameterised, pieces_of
from kibitz_reviewer.fixes import Repair

METHODS = frozenset({"execute", "raw", "fetch", "fetchrow", "fetchval", "exec_driver_sql"})
QUESTION_MARKS = frozenset({"sqlite3", "aiosqlite", "pyodbc", "duckdb"})


def with_parameters(node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
    """A call that runs SQL put together from strings, its values given beside it; None if they cannot be."""
    if not isinstance(node, cst.Call) or len(node.args) != 1 or node.args[0].star or node.args[0].keyword:
        return None
    style = _style(node, repair)
    target = repair.target
    given = target.args[0] if isinstance(target, ast.Call) and target.args else None
    statement = repair.written(given) if given is not None else None
    if not isinstance(statement, cst.BaseExpression):
        return None
    pieces = pieces_of(statement)
    made = parameterised(pieces, style) if pieces is not None and style else None
    if made is None:
        return None
    text, values = made
    apart = statement is not node.args[0].value
    if apart and style == ":":
        return None
    if style == ":":
        named = ", ".join(f"p{index}={value}" for index, value in enumerate(values, 1))
        return parsed(f"{code_of(node.func)}({text}).bindparams({named})")
    if style == "$":
        passed = [cst.Arg(parsed(value)) for value in values]
    else:
        passed = [
            cst.Arg(parsed(f"({', '.join(values)},)" if len(values) == 1 else f"({', '.join(values)})"))
        ]
    if apart:
        repair.replace(statement, parsed(text))
        return node.with_changes(args=[node.args[0], *passed])
    first = node.args[0].with_changes(value=parsed(text), comma=cst.MaybeSentinel.DEFAULT)
    return node.with_changes(args=[first, *passed])


def _style(node: cst.Call, repair: Repair) -> str:
    """The placeholder of the driver: by what the file imports."""
    roots = {name.partition(".")[0] for name in repair.module.imported}
    if isinstance(node.func, cst.Name) and node.func.value == "text":
        return ":"
    if not isinstance(node.func, cst.Attribute) or node.func.attr.value not in METHODS:
        return ""
    if "sqlalchemy" in roots:
        return ""
    if "asyncpg" in roots:
        return "$"
    return "?" if roots & QUESTION_MARKS else "%s"
