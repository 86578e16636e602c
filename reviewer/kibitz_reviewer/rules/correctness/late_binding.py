"""Functions that see the last turn."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import method
from kibitz_reviewer.engines.edits import mentions, tight
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.engines.names import FUNCTIONS
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Confidence, Finding, Rule, Severity

KEEPERS = (
    "append",
    "add",
    "add_done_callback",
    "connect",
    "register",
    "add_callback",
    "insert",
    "setdefault",
    "bind",
    "after",
    "call_later",
    "submit",
)


class LateBinding(Rule):
    """Function made in a loop uses the loop's variable when it is called.

    By then the loop is over: all of the functions see the last value.

    Bind it when the function is made: `lambda item=item: ...`, or `functools.partial`.
    """

    severity = Severity.MEDIUM
    confidence = Confidence.MEDIUM
    cwe = (1108,)
    triggers = ("for",)
    fix = Applicability.SUGGESTED
    fix_title = "Keep the value of this turn"
    noncompliant = (
        """
        def buttons(names):
            actions = []
            for name in names:
                actions.append(lambda: print(name))  # finding
            return actions
        """,
        """
        def handlers(kinds):
            table = {}
            for kind in kinds:
                def handle(event):  # finding
                    return kind, event
                table[kind] = handle
            return table
        """,
    )
    compliant = (
        """
        def buttons(names):
            actions = []
            for name in names:
                actions.append(lambda name=name: print(name))
            return actions
        """,
        """
        def order(groups):
            for group in groups:
                yield sorted(group, key=lambda item: item.rank(group))
                list(map(lambda item: item + group.size, group))
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for node in module.nodes(ast.Lambda, *FUNCTIONS):
            loop = next(
                (
                    a
                    for a in module.ancestors(node)
                    if isinstance(
                        a,
                        ast.For
                        | ast.AsyncFor
                        | ast.Lambda
                        | ast.ClassDef
                        | ast.FunctionDef
                        | ast.AsyncFunctionDef,
                    )
                ),
                None,
            )
            if not isinstance(loop, ast.For | ast.AsyncFor):
                continue
            names = {n.id for n in ast.walk(loop.target) if isinstance(n, ast.Name)}
            own = {a.arg for a in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]}
            body = node.body if isinstance(node.body, list) else [node.body]
            used = {
                n.id
                for s in body
                for n in ast.walk(s)
                if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)
            }
            if (names & used) - own and self._is_kept(module, node, loop):
                yield self.finding(
                    module, node, "When it is called it sees the last turn's value. Bind it as a default."
                )

    def _is_kept(self, module: Module, node: ast.AST, loop: ast.AST) -> bool:
        """Whether the function outlives its turn: it is put into a container, or into something that lasts."""
        parent = module.parent(node)
        if isinstance(node, ast.Lambda):
            if isinstance(parent, ast.Call):
                return method(parent) in KEEPERS
            if isinstance(parent, ast.keyword):
                return parent.arg in ("command", "callback", "target_function")
            return isinstance(parent, ast.Assign) and any(
                isinstance(t, ast.Subscript | ast.Attribute) for t in parent.targets
            )
        name = getattr(node, "name", "")
        for other in ast.walk(loop):
            if (
                isinstance(other, ast.Assign)
                and isinstance(other.value, ast.Name)
                and other.value.id == name
                and any(isinstance(t, ast.Subscript | ast.Attribute) for t in other.targets)
            ):
                return True
            if (
                isinstance(other, ast.Call)
                and method(other) in KEEPERS
                and any(isinstance(a, ast.Name) and a.id == name for a in other.args)
            ):
                return True
        return False

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Lambda):
            return None
        names: set[str] = set()
        for around in repair.module.ancestors(repair.target):
            if isinstance(around, ast.For | ast.AsyncFor):
                names |= {n.id for n in ast.walk(around.target) if isinstance(n, ast.Name)}
        used = sorted(name for name in names if mentions(node.body, name))
        own = {param.name.value for param in node.params.params}
        kept = [
            cst.Param(cst.Name(name), default=cst.Name(name), equal=tight())
            for name in used
            if name not in own
        ]
        if not kept or node.params.star_kwarg or node.params.kwonly_params:
            return None
        params = node.params.with_changes(params=[*node.params.params, *kept])
        space = cst.SimpleWhitespace(" ")
        return node.with_changes(params=params, whitespace_after_lambda=space)
