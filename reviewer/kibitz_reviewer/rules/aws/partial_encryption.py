"""Data encrypted on some ways only."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import method, target_names
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.names import FUNCTIONS
from kibitz_reviewer.rule import Confidence, Finding, Rule, Severity

STORES = (
    "put_item",
    "put_object",
    "upload_fileobj",
    "put_record",
    "put_records",
    "send_message",
    "publish",
    "write",
    "save",
    "put",
    "insert_one",
    "put_secret_value",
    "put_parameter",
    "batch_write_item",
    "update_item",
    "upload_file",
    "execute",
)


class PartialEncryption(Rule):
    """Data is encrypted on one way through the function, and stored on all.

    Where the condition does not hold the same place gets plain data, and nobody notices.

    Encrypt before the ways part, or refuse to store what is not encrypted.
    """

    severity = Severity.MEDIUM
    confidence = Confidence.MEDIUM
    cwe = (311,)
    aliases = ("python/partial-encryption@v1.0",)
    triggers = ("encrypt",)
    noncompliant = (
        """
        import boto3

        kms = boto3.client("kms")
        table = boto3.resource("dynamodb").Table("cards")

        def keep(number, secret):
            if secret:
                number = kms.encrypt(KeyId="k", Plaintext=number)["CiphertextBlob"]
            table.put_item(Item={"number": number})  # finding
        """,
        """
        import boto3
        from cryptography.fernet import Fernet

        def keep(data, key):
            s3 = boto3.client("s3")
            body = data
            if key is not None:
                body = Fernet(key).encrypt(data)
            s3.put_object(Bucket="b", Key="k", Body=body)  # finding
        """,
    )
    compliant = (
        """
        import boto3

        kms = boto3.client("kms")
        table = boto3.resource("dynamodb").Table("cards")

        def keep(number):
            number = kms.encrypt(KeyId="k", Plaintext=number)["CiphertextBlob"]
            table.put_item(Item={"number": number})
        """,
        """
        import boto3

        kms = boto3.client("kms")
        s3 = boto3.client("s3")

        def keep(number, secret):
            if secret:
                body = kms.encrypt(KeyId="k", Plaintext=number)["CiphertextBlob"]
            else:
                body = kms.encrypt(KeyId="other", Plaintext=number)["CiphertextBlob"]
            s3.put_object(Bucket="b", Key="k", Body=body)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for function in module.nodes(*FUNCTIONS):
            for branch in module.within(function, ast.If):
                encrypted = _encrypted(branch.body) ^ _encrypted(branch.orelse)
                if not encrypted or _leaves(branch.orelse) or _leaves(branch.body):
                    continue
                for call in module.within(function, ast.Call):
                    if method(call) in STORES and call.lineno > (branch.end_lineno or branch.lineno):
                        if any(isinstance(n, ast.Name) and n.id in encrypted for n in ast.walk(call)):
                            yield self.finding(
                                module,
                                call,
                                "What is stored here was encrypted on one way only. Encrypt it on all.",
                            )
                            break


def _encrypted(body: list[ast.stmt]) -> set[str]:
    """The variables that statements bind to something encrypted."""
    found: set[str] = set()
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Assign) and any(
                isinstance(n, ast.Call)
                and method(n) in ("encrypt", "encrypt_and_digest", "generate_data_key", "client_encrypt")
                for n in ast.walk(node.value)
            ):
                found |= set(target_names(node))
                found |= {n.id for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name)}
    return found


def _leaves(body: list[ast.stmt]) -> bool:
    return bool(body) and isinstance(body[-1], ast.Return | ast.Raise | ast.Continue)
