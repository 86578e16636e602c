"""Passwords in mere disguise."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Finding, Rule, Severity

AUTHORIZATION = re.compile(r"(?i)authorization")


class BasicAuthorizationHeader(Rule):
    """Password is sent in a header that only disguises it.

    Base64 is no encryption: whoever sees the header has the password, and it is sent with every request.

    Use `auth=` of the client over https, or tokens that end.
    """

    severity = Severity.HIGH
    cwe = (522, 202)
    aliases = ("python/weak-obfuscation-of-request@v1.0",)
    triggers = ("Basic ",)
    noncompliant = (
        """
        import base64
        import requests

        def ask(user, password):
            token = base64.b64encode(f"{user}:{password}".encode()).decode()
            headers = {"Authorization": "Basic " + token}  # finding
            return requests.get("https://api.example.org/", headers=headers, timeout=5)
        """,
        """
        import base64
        from urllib.request import Request

        def ask(user, password):
            request = Request("https://api.example.org/")
            secret = base64.b64encode(bytes(user + ":" + password, "ascii"))
            request.add_header("Authorization", "Basic %s" % secret)  # finding
            return request
        """,
    )
    compliant = (
        """
        import requests

        def ask(user, password):
            return requests.get("https://api.example.org/", auth=(user, password), timeout=5)
        """,
        """
        import requests

        def ask(token):
            return requests.get("https://api.example.org/", headers={"Authorization": f"Bearer {token}"}, timeout=5)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        if not module.calls(
            *(
                f"base64.{name}"
                for name in (
                    "b64encode",
                    "encodebytes",
                    "encodestring",
                    "standard_b64encode",
                    "urlsafe_b64encode",
                )
            )
        ):
            return
        for node in module.nodes(ast.Constant):
            if not isinstance(node.value, str) or not node.value.startswith("Basic "):
                continue
            if isinstance(module.parent(node), ast.BinOp | ast.JoinedStr) or ".format" in ast.unparse(
                module.parent(node) or node
            ):
                statement = module.enclosing_statement(node)
                if statement is not None and AUTHORIZATION.search(ast.unparse(statement)):
                    yield self.finding(
                        module,
                        statement,
                        "Base64 hides nothing: whoever sees this header has the password. Use tokens, or `auth=` over https.",
                    )
