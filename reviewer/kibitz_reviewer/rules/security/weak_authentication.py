"""Identities that nobody checks."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import argument, is_false, keyword, texts
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Finding, Rule, Severity

ROOTS = ("jwt", "jose.jwt", "authlib.jose.jwt", "jose.jws")


class WeakAuthentication(Rule):
    """Identity is taken from a token that nobody has checked.

    A token whose signature is not verified, or that may say "none" for it, can be written by anyone, with any name in it.

    Verify the signature with a fixed list of algorithms: `jwt.decode(token, key, algorithms=["RS256"])`.
    """

    severity = Severity.HIGH
    cwe = (287, 347, 521)
    aliases = ("python/improper-authentication@v1.0",)
    triggers = ("jwt", "jose", "authlib", "python_jwt")
    noncompliant = (
        """
        import jwt

        def who(token):
            return jwt.decode(token, options={"verify_signature": False})["sub"]  # finding
        """,
        """
        import jwt

        def who(token, key):
            claims = jwt.decode(token, key, verify=False)  # finding
            return claims["sub"]

        def sign(claims):
            return jwt.encode(claims, None, algorithm="none")  # finding
        """,
        """
        from jose import jwt

        def who(token):
            return jwt.get_unverified_claims(token)["sub"]  # finding
        """,
    )
    compliant = (
        """
        import jwt

        def who(token, key):
            return jwt.decode(token, key, algorithms=["RS256"], audience="shop")["sub"]
        """,
        """
        import jwt

        def who(token, keys):
            key = keys[jwt.get_unverified_header(token)["kid"]]
            return jwt.decode(token, key, algorithms=["ES256"], options={"verify_aud": False})["sub"]
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        message = "Anybody can write this token. Verify its signature with a fixed list of algorithms."
        for call in module.calls(
            *(f"{root}.decode" for root in ROOTS),
            *(f"{root}.encode" for root in ROOTS),
            "jwt.PyJWT().decode",
            "jwt.api_jwt.decode",
        ):
            algorithms = [
                *texts(module, keyword(call, "algorithms", "algorithm")),
                *texts(module, call.args[2] if len(call.args) > 2 else None),
            ]
            if (
                is_false(module, keyword(call, "verify"))
                or any(a.lower() == "none" for a in algorithms)
                or _is_off(module, argument(call, 3, "options"))
            ):
                yield self.finding(module, call, message)
        for call in module.calls("jose.jwt.get_unverified_claims", "jose.jws.get_unverified_claims"):
            yield self.finding(module, call, message)
        for call in module.calls("jwt.process_jwt", "python_jwt.process_jwt"):
            if not module.calls("python_jwt.verify_jwt", "jwt.verify_jwt"):
                yield self.finding(module, call, message)


def _is_off(module: Module, node: ast.expr | None) -> bool:
    """Whether options say that the signature is not verified."""
    value = module.value_of(node) if node is not None else None
    if isinstance(value, ast.Call):
        return is_false(module, keyword(value, "verify_signature"))
    if not isinstance(value, ast.Dict):
        return False
    pairs = zip(value.keys, value.values, strict=True)
    return any(module.constant(key) == "verify_signature" and is_false(module, given) for key, given in pairs)
