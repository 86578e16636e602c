"""Statements moved into a ``with``: what opens or takes something, and what follows up to its last use."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from kibitz_reviewer.engines.edits import changed, code_of, mentions
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair


def opened_in_with(call: cst.Call, repair: Repair, item: Callable[[cst.Call], cst.BaseExpression]) -> bool:
    """Put ``with item(call) as name:`` around what uses the call's result; False if it cannot be done."""
    line = _line(call, repair)
    if line is None:
        return False
    small = line.body[0]
    if isinstance(small, cst.Assign) and small.value is call:
        target = small.targets[0].target
        if len(small.targets) != 1 or not isinstance(target, cst.Name):
            return False
        return _wrap(
            line,
            repair,
            cst.WithItem(item(call), cst.AsName(target)),
            target.value,
            f"{target.value}.close()",
        )
    name = repair.free_name("file")
    inner = line.deep_replace(call, cst.Name(name))
    if not isinstance(inner, cst.SimpleStatementLine):
        return False
    block = cst.IndentedBlock([inner.with_changes(leading_lines=[])])
    repair.replace(
        line,
        cst.With(
            [cst.WithItem(item(call), cst.AsName(cst.Name(name)))], block, leading_lines=line.leading_lines
        ),
    )
    return True


def held_in_with(call: cst.Call, repair: Repair) -> bool:
    """Put ``with lock:`` around what stands between ``lock.acquire()`` and the last ``lock.release()`` of its block."""
    line = _line(call, repair)
    if (
        line is None
        or not isinstance(call.func, cst.Attribute)
        or call.args
        or not isinstance(line.body[0], cst.Expr)
    ):
        return False
    lock = call.func.value
    return _wrap(
        line,
        repair,
        cst.WithItem(lock),
        code_of(lock).partition(".")[0],
        f"{code_of(lock)}.release()",
        by_end=True,
    )


def _line(node: cst.CSTNode, repair: Repair) -> cst.SimpleStatementLine | None:
    """The statement around an expression, if it stands alone on its line and in a block."""
    around = repair.parent(node)
    while around is not None and not isinstance(around, cst.BaseStatement | cst.BaseCompoundStatement):
        if isinstance(around, cst.Lambda | cst.ListComp | cst.GeneratorExp | cst.DictComp | cst.SetComp):
            return None
        around = repair.parent(around)
    if not isinstance(around, cst.SimpleStatementLine) or len(around.body) != 1:
        return None
    return around if isinstance(repair.parent(around), cst.IndentedBlock) else None


def _wrap(
    line: cst.SimpleStatementLine,
    repair: Repair,
    item: cst.WithItem,
    name: str,
    end: str,
    *,
    by_end: bool = False,
) -> bool:
    block = repair.parent(line)
    if not isinstance(block, cst.IndentedBlock):
        return False
    statements = list(block.body)
    start = statements.index(line)
    used = [
        index
        for index, statement in enumerate(statements)
        if index > start and (end in code_of(statement) if by_end else mentions(statement, name))
    ]
    if not used:
        return False
    last = used[-1] if by_end else _last_use(statements, start, used[-1], name)
    body = [new for each in statements[start + 1 : last + 1] if (new := _without(each, end)) is not None]
    if not body:
        return False
    first = body[0]
    made = cst.With([item], cst.IndentedBlock([first, *body[1:]]), leading_lines=line.leading_lines)
    repair.replace(block, block.with_changes(body=[*statements[:start], made, *statements[last + 1 :]]))
    return True


def _last_use(statements: Sequence[cst.BaseStatement], start: int, last: int, name: str) -> int:
    """The index of the last statement that uses ``name``, or what was made of it and may still need it."""
    names = {name}
    index = start + 1
    while index < len(statements):
        statement = statements[index]
        if any(mentions(statement, each) for each in names):
            last = max(last, index)
            names |= _made_of(statement, names)
        index += 1
    return last


def _made_of(statement: cst.BaseStatement, names: set[str]) -> set[str]:
    """The names a statement binds to something that still reads from one of ``names``: a cursor, a reader."""
    small = statement.body[0] if isinstance(statement, cst.SimpleStatementLine) else None
    if not isinstance(small, cst.Assign) or not any(mentions(small.value, name) for name in names):
        return set()
    if re.search(
        r"\.(?:read\w*|fetch\w+|recv|load|commit)\(.*\)$|^(?:list|len|json\.load)\(", code_of(small.value)
    ):
        return set()
    return {target.target.value for target in small.targets if isinstance(target.target, cst.Name)}


def _without(statement: cst.BaseStatement, end: str) -> cst.BaseStatement | None:
    """A statement without the lines that are nothing but ``end``; None if nothing of it is left."""
    if _is(statement, end):
        return None

    def strip(node: cst.CSTNode) -> cst.CSTNode | None:
        if not isinstance(node, cst.IndentedBlock) or not any(_is(each, end) for each in node.body):
            return None
        kept = [each for each in node.body if not _is(each, end)]
        return node.with_changes(body=kept or [cst.SimpleStatementLine([cst.Pass()])])

    if (
        isinstance(statement, cst.Try)
        and statement.finalbody
        and not statement.handlers
        and not statement.orelse
    ):
        final = statement.finalbody.body
        if isinstance(final, cst.IndentedBlock) and all(_is(each, end) for each in final.body):
            return None if not isinstance(statement.body, cst.IndentedBlock) else statement
    new = changed(statement, strip)
    return new if isinstance(new, cst.BaseStatement) else statement


def _is(node: cst.CSTNode, end: str) -> bool:
    return (
        isinstance(node, cst.SimpleStatementLine)
        and len(node.body) == 1
        and code_of(node.body[0]).strip() == end
    )
