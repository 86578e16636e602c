"""Serialising again and again."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.engines.loops import changed_in, loop_around, names_in, repeats
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity

DUMPS = ("json.dumps", "json.dump", "simplejson.dumps", "pickle.dumps")
LOADS = {"json.loads": "json.dumps", "pickle.loads": "pickle.dumps", "simplejson.loads": "simplejson.dumps"}
COSTLY = (*DUMPS, *LOADS, "copy.deepcopy", "yaml.safe_load", "yaml.safe_dump")
CHANGERS = frozenset({"update", "insert", "pop", "remove", "setdefault", "clear", "sort"})


class JsonInLoop(Rule):
    """Same data is serialised, parsed or deeply copied more often than needed.

    `json.dumps`, `json.loads` and `copy.deepcopy` visit every value. In a loop over something else they do the same work at every
    turn, and copying by `json.loads(json.dumps(x))` does it twice through text.

    Do it once, before the loop; write a growing result once, after it; copy only the part that will change.
    """

    severity = Severity.MEDIUM
    aliases = ("python/use-of-inefficient-api@v1.0",)
    triggers = ("json", "simplejson", "pickle", "deepcopy", "yaml")
    fix = Applicability.SUGGESTED
    fix_title = "Copy it without writing it out"
    noncompliant = (
        """
        import json

        def send(config, hosts, post):
            for host in hosts:
                post(host, json.dumps(config))  # finding
        """,
        """
        import json

        def save(rows, path):
            done = []
            for row in rows:
                done.append(row)
                path.write_text(json.dumps(done))  # finding
        """,
        """
        import json

        def clone(cart):
            return json.loads(json.dumps(cart))  # finding
        """,
    )
    compliant = (
        """
        import json

        def lines(rows):
            for row in rows:
                yield json.dumps(row)
        """,
        """
        import copy

        def variants(base, changes):
            for change in changes:
                variant = copy.deepcopy(base)
                variant.update(change)
                yield variant
        """,
        """
        import json

        def send(config, hosts, post):
            body = json.dumps(config)
            for host in hosts:
                post(host, body)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls(*COSTLY):
            name = module.qualified_name(call.func) or ""
            if _is_copy(module, call, name):
                message = "This copies by way of text: every value is written and parsed again. Use `copy.deepcopy`, or copy less."
                yield self.finding(module, call, message)
            elif call.args and self._repeats_work(module, call, name):
                message = f"`{name}` handles the same data at every turn of the loop. Do it once, outside."
                yield self.finding(module, call, message)

    def _repeats_work(self, module: Module, call: ast.Call, name: str) -> bool:
        loop = loop_around(module, call)
        data = call.args[0]
        if loop is None or not repeats(module, call) or not isinstance(data, (ast.Name, ast.Attribute)):
            return False
        if name == "copy.deepcopy" or isinstance(loop, ast.While):
            return False
        return not names_in(data) & changed_in(loop) and (
            name in LOADS or not _is_stream_of_changes(loop, data)
        )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        target = repair.target
        if not isinstance(target, ast.Call) or not _is_copy(
            repair.module, target, repair.module.qualified_name(target.func) or ""
        ):
            return None
        inner = node.args[0].value
        if not isinstance(inner, cst.Call) or len(inner.args) != 1:
            return None
        repair.add_import("copy")
        return cst.Call(cst.Attribute(cst.Name("copy"), cst.Name("deepcopy")), [inner.args[0]])


def _is_copy(module: Module, call: ast.Call, name: str) -> bool:
    inner = call.args[0] if call.args else None
    return (
        name in LOADS
        and isinstance(inner, ast.Call)
        and module.qualified_name(inner.func) == LOADS[name]
        and len(call.args) == 1
    )


def _is_stream_of_changes(loop: ast.AST, data: ast.expr) -> bool:
    """Whether the loop sets fields of ``data``, so that each turn serialises something else. One that grows is no excuse."""
    text = ast.unparse(data)
    for node in ast.walk(loop):
        if isinstance(node, (ast.Subscript, ast.Attribute)) and isinstance(node.ctx, ast.Store):
            target: ast.expr = node.value
        elif (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGERS
        ):
            target = node.func.value
        else:
            continue
        if ast.unparse(target) == text:
            return True
    return False
