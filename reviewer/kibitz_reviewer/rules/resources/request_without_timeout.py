"""Waiting for ever."""

from __future__ import annotations

from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import keyword
from kibitz_reviewer.engines.edits import with_keyword
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity

METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "request")
CALLS = (
    *(
        f"{owner}.{method}"
        for owner in ("requests", "requests.Session()", "requests.session()")
        for method in METHODS
    ),
    "urllib.request.urlopen",
)


class RequestWithoutTimeout(Rule):
    """HTTP request may wait for ever.

    Neither `requests` nor `urllib` has a timeout of its own. A server that accepts the connection and says nothing holds the
    thread, and soon all of them.

    Pass `timeout=` in seconds: a little more than the slowest good answer takes.
    """

    severity = Severity.MEDIUM
    cwe = (400, 1088)
    aliases = ("python/socket-connection-timeout@v1.0",)
    triggers = ("requests", "urlopen")
    fix = Applicability.SUGGESTED
    fix_title = "Wait ten seconds at most"
    noncompliant = (
        """
        import requests

        def fetch(url):
            requests.head(url, timeout=None)  # finding
            return requests.get(url, headers={"Accept": "text/html"}).json()  # finding
        """,
        """
        import requests
        from urllib.request import urlopen

        session = requests.Session()

        def send(url, data):
            session.post(url, json=data)  # finding
            return urlopen(url).read()  # finding
        """,
    )
    compliant = (
        """
        import requests

        def fetch(url):
            return requests.get(url, timeout=(3, 10)).json()
        """,
        """
        import requests

        def fetch(url, **options):
            return requests.get(url, **options)
        """,
        """
        import httpx
        from urllib.request import urlopen

        def fetch(url):
            return httpx.get(url), urlopen(url, None, 5)
        """,
        """
        def fetch(requests, key):
            return requests.get(key)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls(*CALLS):
            given = [each.arg for each in call.keywords]
            is_opener = module.qualified_name(call.func) == CALLS[-1]
            if "timeout" in given and module.constant(keyword(call, "timeout"), ...) is not None:
                continue
            if (None in given and "timeout" not in given) or (is_opener and len(call.args) > 2):
                continue
            yield self.finding(module, call, "This request may wait for ever. Pass `timeout=` in seconds.")

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call) or not node.args:
            return None
        if any(arg.keyword is not None and arg.keyword.value == "timeout" for arg in node.args):
            return with_keyword(node, "timeout", "10")
        tight = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
        last = node.args[-1]
        timeout = cst.Arg(cst.Integer("10"), keyword=cst.Name("timeout"), equal=tight)
        if isinstance(last.comma, cst.Comma):
            timeout = timeout.with_changes(comma=last.comma, whitespace_after_arg=last.whitespace_after_arg)
            before = (
                node.args[-2].comma
                if len(node.args) > 1
                else cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
            )
            last = last.with_changes(comma=before)
        else:
            last = last.with_changes(comma=cst.Comma(whitespace_after=cst.SimpleWhitespace(" ")))
        return node.with_changes(args=[*node.args[:-1], last, timeout])
