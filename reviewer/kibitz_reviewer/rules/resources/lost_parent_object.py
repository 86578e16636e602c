"""Objects that end too early."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import argument, name_of, target_names
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.names import FUNCTIONS
from kibitz_reviewer.rule import Finding, Rule, Severity

SHARED = tuple(
    f"multiprocessing.{kind}"
    for kind in (
        "Lock",
        "RLock",
        "Queue",
        "JoinableQueue",
        "SimpleQueue",
        "Semaphore",
        "BoundedSemaphore",
        "Event",
        "Condition",
        "Value",
        "Array",
        "Pipe",
        "Barrier",
    )
)


class LostParentObject(Rule):
    """Process is handed less than it needs: what it uses through a global may be gone.

    Under the start method "spawn" globals are made anew, and an object whose last name is in the parent may be collected, and
    with it the queue or lock the child uses.

    Pass it as an argument of the process.
    """

    severity = Severity.MEDIUM
    aliases = ("python/multiprocessing-garbage-collection-prevention@v1.0",)
    triggers = ("multiprocessing",)
    noncompliant = (
        """
        from multiprocessing import Lock, Process

        lock = Lock()

        def work():
            with lock:
                print("one at a time")

        def start():
            Process(target=work).start()  # finding
        """,
    )
    compliant = (
        """
        from multiprocessing import Lock, Process

        def work(lock):
            with lock:
                print("one at a time")

        def start():
            lock = Lock()
            Process(target=work, args=(lock,)).start()
        """,
        """
        from threading import Lock, Thread

        lock = Lock()

        def work():
            with lock:
                print("one at a time")

        def start():
            Thread(target=work).start()
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        shared = {
            name
            for statement in module.tree.body
            if isinstance(statement, ast.Assign)
            and isinstance(statement.value, ast.Call)
            and name_of(module, statement.value.func) in SHARED
            for name in target_names(statement)
        }
        for call in module.calls(
            "multiprocessing.Process",
            "multiprocessing.context.Process",
            "multiprocessing.get_context().Process",
        ):
            target = argument(call, 1, "target")
            definition = module.definition(target) if target is not None else None
            if not isinstance(definition, FUNCTIONS):
                continue
            parameters = {a.arg for a in [*definition.args.args, *definition.args.kwonlyargs]}
            around = module.enclosing_function(definition)
            local = (
                {
                    name
                    for statement in module.within(around, ast.Assign)
                    if isinstance(statement.value, ast.Call)
                    and name_of(module, statement.value.func) in SHARED
                    for name in target_names(statement)
                }
                if around is not None
                else set()
            )
            used = {n.id for n in module.within(definition, ast.Name)} & (shared | local) - parameters
            if used:
                yield self.finding(
                    module,
                    call,
                    f"The process may find another `{min(used)}`, or none. Pass it as an argument.",
                )
