"""Functions brought back from bytes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import name_of
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Confidence, Finding, Rule, Severity


class CloudpickleLoad(Rule):
    """Functions or classes are restored from bytes with cloudpickle.

    What cloudpickle restores is code: whoever can write the bytes runs what they like here.

    Load only what this program itself has just made, or verify a signature first.
    """

    severity = Severity.HIGH
    confidence = Confidence.MEDIUM
    cwe = (502,)
    aliases = ("python/unsafe-cloudpickle-load@v1.0",)
    triggers = ("cloudpickle",)
    noncompliant = (
        """
        import cloudpickle

        def restore(path):
            with open(path, "rb") as file:
                return cloudpickle.load(file)  # finding
        """,
        """
        from cloudpickle import loads

        def restore(message):
            return loads(message.body)  # finding
        """,
    )
    compliant = (
        """
        import cloudpickle

        def copied(function):
            return cloudpickle.loads(cloudpickle.dumps(function))
        """,
        """
        import hmac
        import cloudpickle

        def restore(data, signature, key):
            if not hmac.compare_digest(hmac.digest(key, data, "sha256"), signature):
                raise ValueError("forged")
            return cloudpickle.loads(data)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls("cloudpickle.load", "cloudpickle.loads"):
            given = module.value_of(call.args[0]) if call.args else None
            made_here = isinstance(given, ast.Call) and name_of(module, given.func).startswith("cloudpickle.")
            around = module.enclosing_function(call) or module.tree
            checked = re.search(r"compare_digest|verify|signature", ast.unparse(around))
            if not made_here and not checked and not module.is_harmless("deserialize", call):
                yield self.finding(module, call, "What this restores is code. Verify a signature first.")
