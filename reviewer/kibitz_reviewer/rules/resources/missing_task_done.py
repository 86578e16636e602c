"""Tasks nobody says are done."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Finding, Rule, Severity


class MissingTaskDone(Rule):
    """Item is taken from a joinable queue, and nobody says when it is done.

    `join` on the queue waits for a `task_done` for each item, so it waits for ever; in the end the queue's counter overflows.

    Call `task_done()` after each item, in a `finally`.
    """

    severity = Severity.MEDIUM
    aliases = ("python/semaphore-overflow-prevention@v1.0",)
    triggers = ("JoinableQueue", "Queue", "LifoQueue", "PriorityQueue")
    noncompliant = (
        """
        from multiprocessing import JoinableQueue

        def work(count):
            queue = JoinableQueue()
            for _ in range(count):
                item = queue.get()  # finding
                print(item)
            queue.join()
        """,
        """
        import queue

        jobs = queue.Queue()

        def work():
            while True:
                print(jobs.get())  # finding

        def end():
            jobs.join()
        """,
    )
    compliant = (
        """
        from multiprocessing import JoinableQueue

        def work():
            queue = JoinableQueue()
            while True:
                item = queue.get()
                try:
                    print(item)
                finally:
                    queue.task_done()
        """,
        """
        import queue

        jobs = queue.Queue()

        def work():
            while True:
                print(jobs.get())
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        if module.method_calls("task_done"):
            return
        for call in module.method_calls("get", "get_nowait"):
            owner = call.func.value if isinstance(call.func, ast.Attribute) else None
            name = (module.qualified_name(owner) or "") if owner is not None else ""
            if owner is None:
                continue
            joined = any(
                isinstance(c.func, ast.Attribute) and ast.unparse(c.func.value) == ast.unparse(owner)
                for c in module.method_calls("join")
                if not c.args
            )
            if name.endswith("JoinableQueue()") or (
                joined
                and name in ("queue.Queue()", "queue.LifoQueue()", "queue.PriorityQueue()", "asyncio.Queue()")
            ):
                yield self.finding(
                    module, call, "`join` waits for ever for this item. Call `task_done()` when it is done."
                )
