"""Code made of text."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.edits import calling
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.engines.text import parameters_of, text_of
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity

SOURCES = ("input", "flask.request", "request", "os.environ", "os.getenv", "sys.argv", "sys.stdin")
MAX_HOPS = 8


class DynamicCode(Rule):
    """Text that comes from outside is run as Python.

    `eval` and `exec` do whatever the text says, with all the rights of the program; removing builtins does not hold anybody back.
    Reported are texts that come in by a parameter, by a request, by the environment or from the person at the keyboard.

    For literals use `ast.literal_eval`, for data `json.loads`, for a choice among functions a dictionary of them.
    """

    severity = Severity.CRITICAL
    cwe = (94, 95)
    aliases = ("python/code-injection@v1.0",)
    triggers = ("eval", "exec")
    fix = Applicability.SUGGESTED
    fix_title = "Read a literal, run nothing"
    noncompliant = (
        """
        def calculate(expression):
            return eval(expression)  # finding
        """,
        """
        from flask import request

        def run():
            code = request.args["code"]
            exec(code)  # finding
        """,
        """
        import json

        def handler(event, context):
            order = json.loads(event["body"])
            return eval(order["formula"])  # finding
        """,
        """
        def total(column):
            return eval(f"row.{column} + 1")  # finding
        """,
    )
    compliant = (
        """
        import ast

        def parse(text):
            return ast.literal_eval(text)
        """,
        """
        def make():
            return eval("lambda x: x + 1")
        """,
        """
        def evaluate(model, data):
            model.eval()
            return model.exec(data)
        """,
        """
        def define(fields: int):
            exec(compile(f"def f(): return {fields}", "<generated>", "exec"))
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls("eval", "exec", "builtins.eval", "builtins.exec"):
            code = call.args[0] if call.args else None
            if isinstance(code, ast.Call) and module.qualified_name(code.func) == "compile" and code.args:
                continue
            if code is None or isinstance(code, ast.Starred) or module.is_harmless("code", call):
                continue
            if any(_comes_from_outside(module, hole) for hole in text_of(module, code).holes):
                yield self.finding(
                    module,
                    call,
                    "This runs text from outside as Python. Parse it instead: `ast.literal_eval` for literals, `json.loads` for data.",
                )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        if not isinstance(node.func, cst.Name) or node.func.value != "eval" or len(node.args) != 1:
            return None
        repair.add_import("ast")
        return calling(node, "ast.literal_eval")


def _comes_from_outside(module: Module, hole: ast.expr, depth: int = 0) -> bool:
    """Whether ``hole`` is a parameter, an item of one, something parsed from one, or known to come from outside."""
    if isinstance(hole, ast.Name) and hole.id in parameters_of(module, hole):
        return True
    name = module.qualified_name(hole) or ""
    if any(
        name == source or name.startswith((f"{source}.", f"{source}(", f"{source}[")) for source in SOURCES
    ):
        return True
    inner: ast.expr = hole
    if isinstance(hole, ast.Name):
        inner = module.value_of(hole)
    elif isinstance(hole, ast.Subscript):
        inner = hole.value
    elif isinstance(hole, ast.Call) and module.qualified_name(hole.func) == "json.loads" and hole.args:
        inner = hole.args[0]
    return inner is not hole and depth < MAX_HOPS and _comes_from_outside(module, inner, depth + 1)
