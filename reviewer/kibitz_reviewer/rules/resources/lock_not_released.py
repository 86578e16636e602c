"""Locks that stay locked."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.engines.lifetimes import stays_open
from kibitz_reviewer.engines.scopes import held_in_with
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity

LOCKS = tuple(
    f"{owner}.{kind}()"
    for owner in ("threading", "multiprocessing", "asyncio")
    for kind in ("Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition")
)


class LockNotReleased(Rule):
    """Lock is taken but not given back on every path.

    If anything between `acquire` and `release` raises or returns, the lock stays taken, and every other thread that wants it waits
    for ever.

    Take it in a `with` statement, or begin a `try` right after `acquire` and release in its `finally`.
    """

    severity = Severity.HIGH
    cwe = (667, 764)
    aliases = ("python/resource-leak@v1.0",)
    triggers = ("acquire",)
    fix = Applicability.SUGGESTED
    fix_title = "Hold it in a with statement"
    noncompliant = (
        """
        import threading

        lock = threading.Lock()

        def add(store, item):
            lock.acquire()  # finding
            store.write(item)
            lock.release()
        """,
        """
        import threading

        class Counter:
            def __init__(self):
                self._lock = threading.RLock()

            def take(self, items):
                self._lock.acquire()  # finding
                if not items:
                    return None
                item = items.pop()
                self._lock.release()
                return item
        """,
    )
    compliant = (
        """
        import threading

        lock = threading.Lock()

        def add(store, item):
            with lock:
                store.write(item)
        """,
        """
        import threading

        lock = threading.Lock()

        def add(store, item):
            lock.acquire()
            try:
                store.write(item)
            finally:
                lock.release()
        """,
        """
        import threading

        class Gate:
            def __init__(self):
                self._lock = threading.Lock()

            def __enter__(self):
                self._lock.acquire()
                return self

            def __exit__(self, *exc):
                self._lock.release()

            def acquire(self):
                self._lock.acquire()
        """,
        """
        import threading

        slots = threading.Semaphore(4)

        def start(job, pool):
            slots.acquire()
            pool.submit(job).add_done_callback(lambda _: slots.release())
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls(*(f"{lock}.acquire" for lock in LOCKS)):
            function = module.enclosing_function(call)
            if (
                function is None
                or not isinstance(call.func, ast.Attribute)
                or not _is_statement(module, call)
            ):
                continue
            lock = ast.dump(call.func.value)
            releases = [each for each in module.within(function, ast.Call) if _releases(each, lock)]
            # A function that never releases hands the lock on: __enter__, acquire, or a callback gives it back.
            if not releases:
                continue
            if all(_in_failure(module, each) for each in releases):
                # What goes wrong gives it back; what goes well keeps it, to be given back elsewhere.
                continue
            if any(_in_cleanup(module, each) for each in releases):
                unsafe = _is_kept(module, call, lock)
            else:
                unsafe = not _is_brief(module, call, releases) or _is_kept(module, call, lock)
            if unsafe:
                yield self.finding(
                    module, call, "The lock stays taken if anything fails before `release`. Use `with`."
                )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        held_in_with(node, repair)
        return None


def _is_kept(module: Module, call: ast.Call, lock: str) -> bool:
    """Whether the function may end normally with the lock still taken."""
    statement = module.enclosing_statement(call)
    name = ast.unparse(call.func.value) if isinstance(call.func, ast.Attribute) else ""

    def gives_back(node: ast.AST) -> bool:
        return isinstance(node, ast.Call) and _releases(node, lock)

    return statement is not None and stays_open(module, statement, name, gives_back)


def _is_statement(module: Module, call: ast.Call) -> bool:
    parent = module.parent(call)
    if isinstance(parent, ast.Await):
        parent = module.parent(parent)
    return isinstance(parent, ast.Expr)


def _releases(call: ast.Call, lock: str) -> bool:
    return (
        isinstance(call.func, ast.Attribute)
        and call.func.attr == "release"
        and ast.dump(call.func.value) == lock
    )


def _in_failure(module: Module, node: ast.AST) -> bool:
    """Whether this runs in a handler of every error, which passes it on."""
    for parent in module.ancestors(node):
        if isinstance(parent, ast.ExceptHandler):
            caught = parent.type.id if isinstance(parent.type, ast.Name) else ""
            return (parent.type is None or caught == "BaseException") and isinstance(
                parent.body[-1], ast.Raise
            )
    return False


def _in_cleanup(module: Module, node: ast.AST) -> bool:
    child = node
    for parent in module.ancestors(node):
        if isinstance(parent, (ast.Try, ast.TryStar)) and child in parent.finalbody:
            return True
        child = parent
    return False


def _is_brief(module: Module, call: ast.Call, releases: list[ast.Call]) -> bool:
    """Whether only plain assignments stand between: none of them can fail."""
    first, last = module.enclosing_statement(call), module.enclosing_statement(releases[0])
    parent = module.parent(first) if first is not None else None
    block = getattr(parent, "body", None)
    if not isinstance(block, list) or first not in block or last not in block:
        return False
    between = block[block.index(first) + 1 : block.index(last)]
    return all(
        isinstance(each, ast.Assign) and isinstance(each.value, (ast.Constant, ast.Name)) for each in between
    )
