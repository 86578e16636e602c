"""Locks of threads held by coroutines."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Finding, Rule, Severity


class ThreadLockAcrossAwait(Rule):
    """Lock of the `threading` module is held while a coroutine waits.

    Other coroutines that want the lock block the whole event loop, the one that holds it included: nobody ever lets go.

    Use `asyncio.Lock` with `async with`, or let go before waiting.
    """

    severity = Severity.HIGH
    triggers = ("await",)
    noncompliant = (
        """
        import threading

        lock = threading.Lock()

        async def refresh(cache, load):
            with lock:  # finding
                cache["now"] = await load()
        """,
    )
    compliant = (
        """
        import asyncio

        lock = asyncio.Lock()

        async def refresh(cache, load):
            async with lock:
                cache["now"] = await load()
        """,
        """
        import threading

        lock = threading.Lock()

        async def refresh(cache, load):
            value = await load()
            with lock:
                cache["now"] = value
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for block in module.nodes(ast.With):
            held = [
                item.context_expr for item in block.items if module.qualified_name(item.context_expr) in LOCKS
            ]
            if held and any(module.within(block, ast.Await, ast.AsyncFor, ast.AsyncWith)):
                yield self.finding(
                    module, block, "The lock is held while this waits. Use `asyncio.Lock`, or let go before."
                )


LOCKS = frozenset(
    f"threading.{kind}()" for kind in ("Lock", "RLock", "Condition", "Semaphore", "BoundedSemaphore")
)
