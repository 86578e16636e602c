"""Processes ended in the middle."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import argument, keyword, name_of
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Finding, Rule, Severity

SHARED = (
    "Queue",
    "JoinableQueue",
    "SimpleQueue",
    "Lock",
    "RLock",
    "Semaphore",
    "BoundedSemaphore",
    "Condition",
    "Event",
    "Pipe",
    "Value",
    "Array",
    "Manager",
)


class TerminatedProcess(Rule):
    """Process that shares a queue, a pipe or a lock is ended by force.

    `terminate` ends it wherever it is: with a lock taken, or half an item written, what it shared is unusable for all others.

    Tell it to end, by an event or an item, and join it.
    """

    severity = Severity.LOW
    aliases = ("python/incorrect-usage-of-process-terminate-api@v1.0",)
    triggers = ("terminate", "kill")
    noncompliant = (
        """
        from multiprocessing import Process, Queue

        def work(queue):
            queue.put(1)

        def start():
            queue = Queue()
            process = Process(target=work, args=(queue,))
            process.start()
            process.terminate()  # finding
        """,
    )
    compliant = (
        """
        from multiprocessing import Process

        def work(number):
            return number * 2

        def start():
            process = Process(target=work, args=(3,))
            process.start()
            process.terminate()
        """,
        """
        from multiprocessing import Process, Queue

        def work(queue):
            queue.put(1)

        def start():
            queue = Queue()
            process = Process(target=work, args=(queue,))
            process.start()
            queue.put(None)
            process.join()
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.method_calls("terminate", "kill"):
            made = module.value_of(call.func.value) if isinstance(call.func, ast.Attribute) else None
            name = name_of(module, made.func) if isinstance(made, ast.Call) else ""
            if (
                not name.endswith(("multiprocessing.Process", "Process", "get_context().Process"))
                or not name.startswith("multiprocessing")
                or not isinstance(made, ast.Call)
            ):
                continue
            shared = [argument(made, 3, "args"), keyword(made, "kwargs")]
            for given in [
                n
                for a in shared
                if a is not None
                for n in ast.walk(module.value_of(a))
                if isinstance(n, ast.Name)
            ]:
                value = module.value_of(given)
                kind = name_of(module, value.func) if isinstance(value, ast.Call) else ""
                if kind.rpartition(".")[2] in SHARED or _is_pipe_end(module, given):
                    yield self.finding(
                        module,
                        call,
                        "What this process shares may stay locked or half written. Tell it to end, and join it.",
                    )
                    break


def _is_pipe_end(module: Module, name: ast.Name) -> bool:
    """Whether a variable is one of ``a, b = Pipe()``."""
    for binding in module.bindings(name):
        pair = module.parent(binding.node)
        assign = module.parent(pair) if isinstance(pair, ast.Tuple) else None
        if isinstance(assign, ast.Assign) and isinstance(assign.value, ast.Call):
            return name_of(module, assign.value.func).endswith(".Pipe")
    return False
