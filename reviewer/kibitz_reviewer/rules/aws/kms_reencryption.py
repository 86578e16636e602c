"""Secrets that pass through the client."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import keyword, method, target_names
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Finding, Rule, Severity


class KmsReencryption(Rule):
    """Data is decrypted and encrypted again here, only to change its key.

    The plain text passes through this machine and its memory for nothing.

    Let KMS do it with `re_encrypt`: the plain text never leaves the service.
    """

    severity = Severity.HIGH
    cwe = (310, 311)
    aliases = ("python/aws-kms-reencryption@v1.0",)
    triggers = ("encrypt",)
    noncompliant = (
        """
        import boto3

        kms = boto3.client("kms")

        def change_key(blob, key):
            plain = kms.decrypt(CiphertextBlob=blob)["Plaintext"]
            return kms.encrypt(KeyId=key, Plaintext=plain)  # finding
        """,
    )
    compliant = (
        """
        import boto3

        kms = boto3.client("kms")

        def change_key(blob, key):
            return kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=key)
        """,
        """
        import boto3

        kms = boto3.client("kms")

        def seal(name, key, blob):
            known = kms.decrypt(CiphertextBlob=blob)["Plaintext"]
            check(known)
            return kms.encrypt(KeyId=key, Plaintext=name)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.method_calls("encrypt"):
            plain, around = keyword(call, "Plaintext"), module.enclosing_function(call) or module.tree
            if plain is None or keyword(call, "KeyId") is None:
                continue
            decrypted = {
                n
                for d in module.method_calls("decrypt")
                if keyword(d, "CiphertextBlob") is not None
                and (module.enclosing_function(d) or module.tree) is around
                for n in _bound(module, d)
            }
            direct = any(isinstance(n, ast.Call) and method(n) == "decrypt" for n in ast.walk(plain))
            for _ in range(3):
                for assign in module.within(around, ast.Assign):
                    if any(
                        isinstance(n, ast.Name) and n.id in decrypted for n in ast.walk(assign.value)
                    ) and not isinstance(assign.value, ast.Call):
                        decrypted |= set(target_names(assign))
            if direct or any(isinstance(n, ast.Name) and n.id in decrypted for n in ast.walk(plain)):
                yield self.finding(
                    module,
                    call,
                    "The plain text passes through this machine only to change its key. Use `re_encrypt`.",
                )


def _bound(module: Module, call: ast.Call) -> list[str]:
    statement = module.enclosing_statement(call)
    return target_names(statement) if statement is not None else []
