"""A loop within a loop."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Finding, Rule, Severity


class NestedEventLoop(Rule):
    """Coroutine starts an event loop of its own.

    `asyncio.run` and `run_until_complete` raise `RuntimeError` where a loop is already running, and a coroutine always runs in one.

    Await the other coroutine.
    """

    severity = Severity.HIGH
    triggers = ("asyncio",)
    noncompliant = (
        """
        import asyncio

        async def fetch():
            return 1

        async def main():
            return asyncio.run(fetch())  # finding
        """,
    )
    compliant = (
        """
        import asyncio

        async def fetch():
            return 1

        async def main():
            return await fetch()

        asyncio.run(main())
        """,
        """
        import asyncio

        async def main(fetch):
            return await asyncio.to_thread(lambda: asyncio.run(fetch()))
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls("asyncio.run", "asyncio.get_event_loop().run_until_complete"):
            around = module.enclosing_function(call)
            in_lambda = any(isinstance(a, ast.Lambda) for a in module.ancestors(call))
            if isinstance(around, ast.AsyncFunctionDef) and not in_lambda:
                yield self.finding(
                    module, call, "A loop is running here already, so this raises an error. Use `await`."
                )
