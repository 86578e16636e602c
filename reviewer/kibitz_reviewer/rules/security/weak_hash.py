"""Hashes that no longer protect."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Finding, Rule, Severity

BROKEN = ("hashlib.md5", "hashlib.sha1", "hashlib.md4", "hashlib.new")
FAST = (
    "hashlib.sha224",
    "hashlib.sha256",
    "hashlib.sha384",
    "hashlib.sha512",
    "hashlib.blake2b",
    "hashlib.blake2s",
)
_PASSWORD = re.compile(r"(?i)(?:^|_)(?:password|passwd|passphrase|pwd)(?:$|_)")
_SECRET = re.compile(
    r"(?i)(?:^|_)(?:signature|secret|token|credential|credentials|api_?key|hmac|nonce|session_?id)(?:$|_)"
)


class WeakHash(Rule):
    """Hash that is broken, or far too fast, protects a password or a secret.

    MD5 and SHA-1 can be forged. Any plain hash, SHA-256 included, is computed billions of times a second by those who try
    passwords out. Reported only where names show that a password or secret goes in; a checksum or a cache key is fine.

    For passwords use a slow, salted function: `hashlib.scrypt`, or the packages argon2-cffi and bcrypt. For signatures use `hmac`
    with SHA-256.
    """

    severity = Severity.HIGH
    cwe = (328, 916)
    aliases = ("python/insecure-hashing-hashlib@v1.0", "python/insecure-hashing@v1.0")
    triggers = ("hashlib",)
    supersedes = ("broken-hash",)
    noncompliant = (
        """
        import hashlib

        def store(user, password):
            user.digest = hashlib.sha256(password.encode()).hexdigest()  # finding
        """,
        """
        import hashlib

        def sign(body, secret_key):
            return hashlib.md5(body + secret_key).hexdigest()  # finding
        """,
    )
    compliant = (
        """
        import hashlib

        def etag(body):
            return hashlib.md5(body, usedforsecurity=False).hexdigest()
        """,
        """
        import hashlib
        import os

        def store(password):
            return hashlib.scrypt(password.encode(), salt=os.urandom(16), n=2**14, r=8, p=1)
        """,
        """
        import hashlib

        def cache_key(url, tokens):
            return hashlib.sha256(url.encode()).hexdigest()
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls(*BROKEN, *FAST):
            name = module.qualified_name(call.func)
            words = _words(module, call)
            broken = name in BROKEN[:3] or (
                name == BROKEN[3] and _is_broken(module.constant(call.args[0] if call.args else None))
            )
            if any(k.arg == "usedforsecurity" and module.constant(k.value) is False for k in call.keywords):
                continue
            if any(map(_PASSWORD.search, words)):
                message = (
                    "A plain hash of a password is guessed quickly. Use `hashlib.scrypt`, argon2 or bcrypt."
                )
                yield self.finding(module, call, message)
            elif broken and any(map(_SECRET.search, words)):
                yield self.finding(
                    module,
                    call,
                    "This hash can be forged. Use `hmac` with SHA-256 for secrets and signatures.",
                )


def _is_broken(algorithm: object) -> bool:
    return isinstance(algorithm, str) and algorithm.lower().replace("-", "") in ("md5", "sha1", "md4")


def _words(module: Module, call: ast.Call) -> list[str]:
    """The names that go into the hash, and those that went into a variable that does."""
    found = []
    for argument in (*call.args, *(k.value for k in call.keywords)):
        for node in ast.walk(argument):
            if isinstance(node, ast.Name):
                found.append(node.id)
                value = module.value_of(node)
                if isinstance(value, ast.BinOp | ast.JoinedStr):
                    found += [inner.id for inner in ast.walk(value) if isinstance(inner, ast.Name)]
            elif isinstance(node, ast.Attribute):
                found.append(node.attr)
            elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
                found.append(str(node.slice.value))
    return found
