"""Pickles from strangers."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.text import last_values
from kibitz_reviewer.rule import Finding, Rule, Severity

LOADERS = tuple(
    f"{module}.{function}"
    for module in ("pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "jsonpickle")
    for function in ("load", "loads", "decode", "Unpickler")
)
OUTSIDE = (
    "flask.request",
    "requests.",
    "urllib.request.",
    "httpx.",
    "socket.",
    "boto3.",
    "redis.",
    "http.client.",
)
MAX_STEPS = 200


class UntrustedPickle(Rule):
    """Pickle is loaded from the network or from a request.

    A pickle is a small program that is run while it is loaded, so whoever sends one runs code here. The same holds for `dill`,
    `cloudpickle`, `joblib` and `jsonpickle`. Reported are pickles that visibly come from a request, a socket, a download or a queue.

    Exchange data as JSON, or sign what you store elsewhere and verify the signature (`hmac.compare_digest`) before loading.
    """

    severity = Severity.HIGH
    cwe = (502,)
    aliases = ("python/untrusted-deserialization@v1.0", "python/unsafe-cloudpickle-load@v1.0")
    triggers = ("pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "jsonpickle")
    noncompliant = (
        """
        import pickle
        from flask import request

        def restore():
            return pickle.loads(request.cookies["cart"])  # finding
        """,
        """
        import base64
        import pickle
        import requests

        def fetch(url):
            answer = requests.get(url, timeout=5)
            body = base64.b64decode(answer.content)
            return pickle.loads(body)  # finding
        """,
    )
    compliant = (
        """
        import pickle

        def restore(path):
            with open(path, "rb") as file:
                return pickle.load(file)
        """,
        """
        import pickle

        def clone(thing):
            return pickle.loads(pickle.dumps(thing))
        """,
        """
        import json
        import requests

        def fetch(url):
            return json.loads(requests.get(url, timeout=5).content)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls(*LOADERS):
            if not call.args or module.is_harmless("deserialize", call):
                continue
            if _is_outside(module, call.args[0], set()):
                yield self.finding(
                    module,
                    call,
                    "Loading a pickle runs it, and this one comes from outside. Exchange data as JSON, or verify a signature first.",
                )


def _is_outside(module: Module, node: ast.expr, seen: set[ast.expr]) -> bool:
    """Whether ``node`` visibly is, or is made of, something that came over a wire."""
    if node in seen or len(seen) > MAX_STEPS:
        return False
    seen.add(node)
    name = module.qualified_name(node) or ""
    if name.startswith(OUTSIDE) and not name.endswith((".status_code", ".dumps()")):
        return True
    if isinstance(node, ast.Name):
        values = [binding.value for binding in last_values(module, node)]
        return any(value is not None and _is_outside(module, value, seen) for value in values)
    if isinstance(node, ast.Call):
        inner = [*node.args, *([node.func.value] if isinstance(node.func, ast.Attribute) else [])]
        return any(_is_outside(module, each, seen) for each in inner)
    if isinstance(node, (ast.Attribute, ast.Subscript, ast.Await)):
        return _is_outside(module, node.value, seen)
    return False
