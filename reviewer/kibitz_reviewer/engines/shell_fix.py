"""Commands as lists of arguments, where they ask nothing of the shell."""

from __future__ import annotations

import ast

from kibitz_reviewer.engines.arguments import keyword
from kibitz_reviewer.engines.edits import argument, bracketed, code_of, parsed, with_value, without_keywords
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.engines.pieces import command_list, pieces_of
from kibitz_reviewer.fixes import Repair


def without_shell(node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
    """A call that starts a program through a shell, starting it directly; None if the command needs the shell."""
    target = repair.target
    if not isinstance(node, cst.Call) or not isinstance(target, ast.Call):
        return None
    name = repair.module.qualified_name(target.func) or ""
    command = argument(node, 0, "args", "cmd", "command")
    given = target.args[0] if target.args else keyword(target, "args", "cmd", "command")
    written = repair.written(given) if given is not None else None
    pieces = pieces_of(written) if isinstance(written, cst.BaseExpression) else None
    words = command_list(pieces) if pieces is not None else None
    if command is None or words is None or written is None:
        return None
    if written is not command.value:
        repair.replace(written, parsed(words))
        words = code_of(command.value)
    if name == "os.system" and len(node.args) == 1:
        repair.add_import("subprocess")
        repair.drop_import("os")
        if isinstance(repair.parent(node), cst.Expr):
            return parsed(f"subprocess.run({words}, check=False)")
        return bracketed(parsed(f"subprocess.run({words}, check=False).returncode"), None)
    if name == "asyncio.create_subprocess_shell":
        return parsed(f"{code_of(node.func).replace('_shell', '_exec')}(*{words}{_rest(node)})")
    if name.startswith("subprocess.") and name.rpartition(".")[2] not in ("getoutput", "getstatusoutput"):
        return without_keywords(with_value(node, command, words), "shell")
    return None


def _rest(node: cst.Call) -> str:
    return "".join(f", {code_of(arg.with_changes(comma=cst.MaybeSentinel.DEFAULT))}" for arg in node.args[1:])
