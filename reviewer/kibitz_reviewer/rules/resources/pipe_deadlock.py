"""Two processes waiting for each other."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import argument, keyword, method, name_of
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity


class PipeDeadlock(Rule):
    """Process is waited for while it may be waiting to get rid of its output.

    A pipe or a queue holds a limited amount: a child that has more to say waits until somebody reads, and the parent waits for
    the child.

    Read first: `communicate()` instead of `wait()`, and empty the queue before `join()`.
    """

    severity = Severity.MEDIUM
    cwe = (833,)
    aliases = ("python/multiprocessing-deadlock-prevention@v1.0",)
    triggers = ("Popen", "Process")
    fix = Applicability.SUGGESTED
    fix_title = "Read while waiting"
    noncompliant = (
        """
        import subprocess

        def listing():
            process = subprocess.Popen(["ls", "-R", "/"], stdout=subprocess.PIPE)
            process.wait()  # finding
            return process.stdout.read()
        """,
        """
        from multiprocessing import Process, Queue

        def work(queue):
            queue.put("x" * 1_000_000)

        def start():
            queue = Queue()
            process = Process(target=work, args=(queue,))
            process.start()
            process.join()  # finding
            return queue.get()
        """,
    )
    compliant = (
        """
        import subprocess

        def listing():
            process = subprocess.Popen(["ls", "-R", "/"], stdout=subprocess.PIPE)
            output, _ = process.communicate()
            process.wait()
            return output
        """,
        """
        from multiprocessing import Process, Queue

        def work(queue):
            queue.put("x" * 1_000_000)

        def start():
            queue = Queue()
            process = Process(target=work, args=(queue,))
            process.start()
            result = queue.get()
            process.join()
            return result
        """,
        """
        import subprocess

        def quiet():
            process = subprocess.Popen(["make"])
            return process.wait()
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.method_calls("wait", "join"):
            around = module.enclosing_function(call) or module.tree
            owner = call.func.value if isinstance(call.func, ast.Attribute) else None
            made = module.value_of(owner) if owner is not None else None
            if not isinstance(owner, ast.Name) or not isinstance(made, ast.Call):
                continue
            name = name_of(module, made.func)
            before = [
                n
                for n in module.within(around, ast.Attribute, ast.Call)
                if n.lineno < call.lineno or (n.lineno == call.lineno and n.col_offset < call.col_offset)
            ]
            if method(call) == "wait" and name == "subprocess.Popen":
                piped = any(
                    name_of(module, keyword(made, out)) == "subprocess.PIPE" for out in ("stdout", "stderr")
                )
                reads = [
                    n
                    for n in before
                    if isinstance(n, ast.Attribute)
                    and n.attr in ("communicate", "stdout", "stderr")
                    and isinstance(n.value, ast.Name)
                    and n.value.id == owner.id
                ]
                threads = any("Thread" in ast.unparse(n.func) for n in before if isinstance(n, ast.Call))
                if piped and not reads and not threads and not call.args and keyword(call, "timeout") is None:
                    yield self.finding(
                        module,
                        call,
                        "If it has much to say it waits for a reader, and this waits for it. Use `communicate()`.",
                    )
            elif (
                method(call) == "join"
                and name.startswith("multiprocessing")
                and name.endswith("Process")
                and not call.args
            ):
                yield from self._joined(module, call, made, around)

    def _joined(self, module: Module, call: ast.Call, made: ast.Call, around: ast.AST) -> Iterator[Finding]:
        given = argument(made, 3, "args")
        names = (
            [n.id for n in ast.walk(module.value_of(given)) if isinstance(n, ast.Name)]
            if given is not None
            else []
        )
        for queue in names:
            gets = [
                c
                for c in module.within(around, ast.Call)
                if method(c) in ("get", "get_nowait", "recv")
                and isinstance(c.func, ast.Attribute)
                and isinstance(c.func.value, ast.Name)
                and c.func.value.id == queue
            ]
            if gets and all(c.lineno > call.lineno for c in gets):
                yield self.finding(
                    module,
                    call,
                    "The process waits until its queue is read, and this waits for it. Read first, then join.",
                )
                return

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        if not isinstance(node.func, cst.Attribute) or node.func.attr.value != "wait":
            return None
        return node.with_changes(func=node.func.with_changes(attr=cst.Name("communicate")))
