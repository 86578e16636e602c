"""Coroutines that stop everybody."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.edits import bracketed, calling, parsed
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity

VERBS = ("get", "post", "put", "patch", "delete", "head", "request")
BLOCKING = (
    "time.sleep",
    "subprocess.run",
    "subprocess.call",
    "subprocess.check_call",
    "subprocess.check_output",
    "os.system",
    "urllib.request.urlopen",
    "socket.create_connection",
    "socket.gethostbyname",
    "input",
    "httpx.get",
    "httpx.post",
    "smtplib.SMTP",
    "subprocess.Popen().wait",
    "subprocess.Popen().communicate",
)


class BlockingInAsync(Rule):
    """Coroutine calls something that blocks the whole event loop.

    While it sleeps, waits for the network or reads a file, no other task of the process runs.

    Await the asynchronous counterpart, or hand it to `asyncio.to_thread`.
    """

    severity = Severity.HIGH
    triggers = ("async",)
    fix = Applicability.SUGGESTED
    fix_title = "Do not block the event loop"
    noncompliant = (
        """
        import asyncio
        import time

        async def poll(job):
            while not job.done:
                time.sleep(1)  # finding
        """,
        """
        import requests
        import subprocess

        async def fetch(url):
            subprocess.run(["sync"], check=True)  # finding
            return requests.get(url, timeout=5).text  # finding
        """,
    )
    compliant = (
        """
        import asyncio

        async def poll(job):
            while not job.done:
                await asyncio.sleep(1)
        """,
        """
        import asyncio
        import time
        import requests

        def load(url):
            time.sleep(1)
            return requests.get(url, timeout=5).text

        async def fetch(url):
            return await asyncio.to_thread(load, url)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls(
            *BLOCKING,
            *(f"requests.{verb}" for verb in VERBS),
            *(f"requests.Session().{verb}" for verb in VERBS),
        ):
            around = module.enclosing_function(call)
            if isinstance(around, ast.AsyncFunctionDef) and not any(
                isinstance(a, ast.Lambda) for a in module.ancestors(call)
            ):
                yield self.finding(
                    module,
                    call,
                    "No other task runs meanwhile. Await the asynchronous counterpart, or use `asyncio.to_thread`.",
                )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        target = repair.target
        name = repair.module.qualified_name(target.func) if isinstance(target, ast.Call) else None
        repair.add_import("asyncio")
        if name == "time.sleep":
            awaited = cst.Await(calling(node, "asyncio.sleep"))
        else:
            awaited = cst.Await(cst.Call(parsed("asyncio.to_thread"), [cst.Arg(node.func), *node.args]))
        return bracketed(awaited, repair.parent(node))
