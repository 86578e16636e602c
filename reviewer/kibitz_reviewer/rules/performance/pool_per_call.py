"""Connection pools made for one use."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.edits import code_of, is_local
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.engines.loops import is_handler, repeats
from kibitz_reviewer.engines.text import text_of
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity

POOLS = (
    "requests.Session",
    "requests.session",
    "httpx.Client",
    "httpx.AsyncClient",
    "aiohttp.ClientSession",
    "urllib3.PoolManager",
    "http.client.HTTPConnection",
    "http.client.HTTPSConnection",
    "redis.Redis",
    "redis.StrictRedis",
    "redis.from_url",
    "pymongo.MongoClient",
    "sqlalchemy.create_engine",
    "elasticsearch.Elasticsearch",
    "concurrent.futures.ThreadPoolExecutor",
    "concurrent.futures.ProcessPoolExecutor",
    "multiprocessing.Pool",
    "ssl.create_default_context",
)


class PoolPerCall(Rule):
    """Client or pool that exists to be reused is made again for each request or turn of a loop.

    Its worth is in what it keeps: open connections, started workers, parsed certificates. Made for one use it costs all of that
    and keeps none: a TLS handshake, a thread or a process each time. Reported in loops, and in functions that a web framework or
    Lambda calls for each request, and only if nothing about it changes from one time to the next.

    Make it once, before the loop or at module level, and close it when the program ends.
    """

    severity = Severity.MEDIUM
    aliases = ("python/use-of-inefficient-api@v1.0",)
    triggers = tuple(sorted({name.rpartition(".")[2] for name in POOLS}))
    fix = Applicability.SUGGESTED
    fix_title = "Make it once, above the function"
    noncompliant = (
        """
        import requests

        def fetch_all(urls):
            for url in urls:
                session = requests.Session()  # finding
                yield session.get(url, timeout=5).json()
        """,
        """
        import http.client
        from flask import Flask

        app = Flask(__name__)

        @app.get("/price")
        def price():
            connection = http.client.HTTPConnection("prices.internal", timeout=2)  # finding
            connection.request("GET", "/")
            return connection.getresponse().read()
        """,
    )
    compliant = (
        """
        import requests

        def fetch_all(urls):
            with requests.Session() as session:
                for url in urls:
                    yield session.get(url, timeout=5).json()
        """,
        """
        import redis

        def connect(hosts):
            return {host: redis.Redis(host=host) for host in hosts}
        """,
        """
        import http.client

        def retry(path):
            for attempt in range(3):
                connection = http.client.HTTPConnection("prices.internal", timeout=2)
                try:
                    return connection.request("GET", path)
                except OSError:
                    connection.close()
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls(*POOLS):
            values = [*call.args, *(keyword.value for keyword in call.keywords)]
            if not all(text_of(module, value).is_constant for value in values) or _is_retried(module, call):
                continue
            function = module.enclosing_function(call)
            if repeats(module, call):
                when = "at every turn of the loop"
            elif function is not None and is_handler(module, function) and not _is_kept(module, call):
                when = "for every request"
            else:
                continue
            name = module.qualified_name(call.func)
            message = f"`{name}` is made anew {when}, though it exists to be reused. Make it once."
            yield self.finding(module, call, message)

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        made = repair.target
        if not isinstance(made, ast.Call) or any(
            isinstance(n, ast.Name) and is_local(repair.module, n) for n in ast.walk(made)
        ):
            return None
        statement = repair.module.enclosing_statement(made)
        if not (
            isinstance(statement, ast.Assign)
            and statement.value is made
            and isinstance(statement.targets[0], ast.Name)
        ):
            return None
        return cst.Name(repair.hoist(statement.targets[0].id.upper(), code_of(node)))


def _is_retried(module: Module, call: ast.Call) -> bool:
    """Whether the loop around counts attempts: a new connection is then the point."""
    loop = next((node for node in module.ancestors(call) if isinstance(node, (ast.For, ast.While))), None)
    if isinstance(loop, ast.While):
        return True
    return (
        loop is not None
        and isinstance(loop.iter, ast.Call)
        and module.qualified_name(loop.iter.func) == "range"
    )


def _is_kept(module: Module, call: ast.Call) -> bool:
    """Whether it is stored beyond the request: a global, an attribute, an item."""
    statement = module.enclosing_statement(call)
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    shared = {name for node in module.nodes(ast.Global, ast.Nonlocal) for name in node.names}
    return any(not isinstance(target, ast.Name) or target.id in shared for target in targets)
