"""Tasks nobody holds."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Finding, Rule, Severity


class DroppedTask(Rule):
    """Task is started, and nobody keeps it.

    The event loop refers to tasks weakly: one that nobody holds may be collected in the middle of its work, and its errors are
    lost.

    Keep it in a set until it is done, or use a `TaskGroup`.
    """

    severity = Severity.MEDIUM
    triggers = ("create_task", "ensure_future")
    noncompliant = (
        """
        import asyncio

        async def serve(queue):
            async for job in queue:
                asyncio.create_task(job.run())  # finding
        """,
    )
    compliant = (
        """
        import asyncio

        running = set()

        async def serve(queue):
            async for job in queue:
                task = asyncio.create_task(job.run())
                running.add(task)
                task.add_done_callback(running.discard)
        """,
        """
        import asyncio

        async def serve(jobs):
            async with asyncio.TaskGroup() as group:
                for job in jobs:
                    group.create_task(job.run())
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls(
            "asyncio.create_task",
            "asyncio.ensure_future",
            "asyncio.get_running_loop().create_task",
            "asyncio.get_event_loop().create_task",
        ):
            if isinstance(module.parent(call), ast.Expr):
                yield self.finding(
                    module,
                    call,
                    "Nobody holds this task: it may vanish in the middle. Keep it until it is done.",
                )
