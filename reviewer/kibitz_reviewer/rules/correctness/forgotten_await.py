"""Coroutines that never run."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.engines.names import FUNCTIONS
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity


class ForgottenAwait(Rule):
    """Coroutine is called, but nobody awaits it.

    The call only makes the coroutine: its code never runs, and a warning says so when it is too late.

    Write `await` before it, or keep it as a task.
    """

    severity = Severity.HIGH
    cwe = (670,)
    triggers = ("async", "asyncio")
    fix = Applicability.SUGGESTED
    fix_title = "Await it"
    noncompliant = (
        """
        import asyncio

        async def save(item):
            await asyncio.sleep(0)

        async def main(item):
            save(item)  # finding
            asyncio.sleep(1)  # finding
        """,
        """
        class Store:
            async def save(self, item):
                return item

            async def keep(self, item):
                self.save(item)  # finding
        """,
    )
    compliant = (
        """
        import asyncio

        async def save(item):
            await asyncio.sleep(0)

        async def main(item):
            await save(item)
            task = asyncio.create_task(save(item))
            pending = save(item)
            await asyncio.gather(task, pending)
        """,
        """
        class Store:
            def save(self, item):
                return item

            async def keep(self, item):
                self.save(item)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for statement in module.nodes(ast.Expr):
            call = statement.value
            if isinstance(call, ast.Call) and self._is_coroutine(module, call.func):
                yield self.finding(
                    module, call, "Its code never runs. Write `await` before it, or keep it as a task."
                )

    def _is_coroutine(self, module: Module, func: ast.expr) -> bool:
        if module.qualified_name(func) in (
            "asyncio.sleep",
            "asyncio.wait",
            "asyncio.wait_for",
            "asyncio.to_thread",
            "asyncio.open_connection",
        ):
            return True
        definition = module.definition(func)
        if definition is None and isinstance(func, ast.Attribute):
            owner = module.names.owner(func.value)
            found = (
                [s for s in owner.body if isinstance(s, FUNCTIONS) and s.name == func.attr]
                if owner is not None
                else []
            )
            definition = found[0] if len(found) == 1 else None
        if not isinstance(definition, ast.AsyncFunctionDef) or definition.decorator_list:
            return False
        return not any(True for _ in module.within(definition, ast.Yield))

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        around = repair.module.enclosing_function(repair.target)
        return cst.Await(node) if isinstance(around, ast.AsyncFunctionDef) else None
