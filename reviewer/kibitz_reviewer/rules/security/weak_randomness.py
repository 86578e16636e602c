"""Predictable numbers for secrets."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import target_names
from kibitz_reviewer.engines.edits import calling
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity

FUNCTIONS = (
    "random",
    "randint",
    "randrange",
    "choice",
    "choices",
    "sample",
    "getrandbits",
    "randbytes",
    "uniform",
    "shuffle",
    "normalvariate",
    "gauss",
    "triangular",
    "betavariate",
)
SECRET = re.compile(
    r"(?i)passw|token|secret|session|cookie|csrf|nonce|salt|otp|api_?key|auth|credential|remember|pin_?code|verification|reset|signing|encrypt|private_?key|captcha|uuid|invite|voucher|iv$"
)


class WeakRandomness(Rule):
    """Secret is made with a generator whose numbers can be predicted.

    `random` is meant for simulations: from a few of its outputs all later ones can be computed, and with them the next token,
    password or session.

    Use `secrets` (or `random.SystemRandom`), which takes its numbers from the operating system.
    """

    severity = Severity.HIGH
    cwe = (330, 338)
    aliases = ("python/insecure-cryptography@v1.0",)
    triggers = ("random",)
    fix = Applicability.SUGGESTED
    fix_title = "Take it from the system"
    noncompliant = (
        """
        import random
        import string

        def new_token():
            return "".join(random.choice(string.ascii_letters) for _ in range(32))  # finding
        """,
        """
        import random
        from flask import Flask, make_response

        app = Flask(__name__)

        @app.route("/login")
        def login():
            remember = str(random.randint(0, 10**9))  # finding
            response = make_response("welcome")
            response.set_cookie("remember", remember, secure=True, httponly=True)
            return response
        """,
    )
    compliant = (
        """
        import secrets

        def new_token():
            return secrets.token_urlsafe(32)
        """,
        """
        import random

        def new_token():
            source = random.SystemRandom()
            return "".join(source.choice("abcdef") for _ in range(32))
        """,
        """
        import random

        def shuffled(cards):
            random.shuffle(cards)
            return random.choice(cards)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls(
            *(f"random.{name}" for name in FUNCTIONS),
            *(f"random.Random().{name}" for name in FUNCTIONS),
            *(f"numpy.random.{name}" for name in ("bytes", "choice", "randint", "random", "rand")),
        ):
            if _is_secret(module, call):
                yield self.finding(
                    module,
                    call,
                    "These numbers can be predicted, and a secret is made of them. Use the `secrets` module.",
                )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        if not isinstance(node.func, cst.Attribute) or not isinstance(node.func.value, cst.Name):
            return None
        name = node.func.attr.value
        if name not in (
            "choice",
            "choices",
            "randint",
            "randrange",
            "sample",
            "random",
            "getrandbits",
            "uniform",
            "shuffle",
        ):
            return None
        repair.add_import("secrets")
        repair.drop_import(node.func.value.value)
        short = {"choice": "secrets.choice", "getrandbits": "secrets.randbits"}
        return calling(node, short.get(name, f"secrets.SystemRandom().{name}"))


def _is_secret(module: Module, call: ast.Call) -> bool:
    """Whether a name around the call says that its outcome is to be secret."""
    names: list[str] = []
    for around in (call, *module.ancestors(call)):
        names += target_names(around)
        if isinstance(around, ast.keyword) and around.arg:
            names.append(around.arg)
        if isinstance(around, ast.FunctionDef | ast.AsyncFunctionDef):
            names.append(around.name)
            names += _cookies(module, around, set(names))
            break
        if isinstance(around, ast.Call):
            names.append(around.func.attr if isinstance(around.func, ast.Attribute) else "")
    return any(SECRET.search(name) for name in names)


def _cookies(module: Module, function: ast.AST, made: set[str]) -> list[str]:
    """``cookie`` if what was made goes into one."""
    for assign in module.within(function, ast.Assign):
        places = [ast.unparse(t.value) for t in assign.targets if isinstance(t, ast.Subscript)]
        if any(SECRET.search(place) for place in places):
            if any(isinstance(n, ast.Name) and n.id in made for n in ast.walk(assign.value)):
                return ["session"]
    for call in module.within(function, ast.Call):
        if isinstance(call.func, ast.Attribute) and call.func.attr == "set_cookie":
            if any(isinstance(n, ast.Name) and n.id in made for a in call.args for n in ast.walk(a)):
                return ["cookie"]
    return []
