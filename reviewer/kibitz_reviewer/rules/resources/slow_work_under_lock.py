"""Everyone waits for one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Finding, Rule, Severity

SLOW = (
    "time.sleep",
    *(f"requests.{method}" for method in ("get", "post", "put", "patch", "delete", "head", "request")),
    *(f"httpx.{method}" for method in ("get", "post", "put", "patch", "delete", "head", "request")),
    *(f"subprocess.{name}" for name in ("run", "call", "check_call", "check_output")),
    "urllib.request.urlopen",
    "os.system",
    "socket.create_connection",
    "smtplib.SMTP",
    "asyncio.run",
)
LOCKS = tuple(
    f"{owner}.{kind}()"
    for owner in ("threading", "multiprocessing")
    for kind in ("Lock", "RLock", "Semaphore", "BoundedSemaphore")
)
_LOCK_NAME = re.compile(r"(?i)(?:^|_)(?:lock|mutex|rlock)s?$")


class SlowWorkUnderLock(Rule):
    """Lock is held while the thread sleeps or waits for another machine.

    All other threads that need the lock wait as long, so that the program does one thing at a time however many threads it
    has; a server that does not answer stops everything.

    Do the slow work first and take the lock only to store the result. To wait for a change use a `threading.Condition`.
    """

    severity = Severity.MEDIUM
    cwe = (667,)
    triggers = ("with",)
    noncompliant = (
        """
        import threading
        import time

        lock = threading.Lock()

        def reserve(stock, item):
            with lock:
                time.sleep(0.05)  # finding
                stock[item] -= 1
        """,
        """
        import requests

        class Rates:
            def refresh(self, url):
                with self._lock:
                    answer = requests.get(url, timeout=5)  # finding
                    self.rates = answer.json()
        """,
    )
    compliant = (
        """
        import requests

        class Rates:
            def refresh(self, url):
                answer = requests.get(url, timeout=5)
                with self._lock:
                    self.rates = answer.json()
        """,
        """
        import threading
        import time

        lock = threading.Lock()

        def later(pool):
            with lock:
                def wait():
                    time.sleep(1)
                pool.append(wait)
        """,
        """
        import time

        def pause(timer):
            with timer.measure("sleep"):
                time.sleep(1)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls(*SLOW):
            lock = _lock_around(module, call)
            if lock is not None:
                name = ast.unparse(lock)
                message = f"Every thread that needs `{name}` waits for this. Do the slow work before taking the lock."
                yield self.finding(module, call, message)


def _lock_around(module: Module, node: ast.AST) -> ast.expr | None:
    for parent in module.ancestors(node):
        if isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            return None
        if isinstance(parent, ast.With):
            for item in parent.items:
                if _is_lock(module, item.context_expr):
                    return item.context_expr
    return None


def _is_lock(module: Module, node: ast.expr) -> bool:
    if module.qualified_name(node) in LOCKS:
        return True
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return _LOCK_NAME.search(name) is not None
