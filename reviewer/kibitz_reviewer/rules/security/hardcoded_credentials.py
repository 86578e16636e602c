"""Secrets in the source."""

from __future__ import annotations

import ast
import math
import re
from collections import Counter
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Confidence, Finding, Rule, Severity

_NAME = re.compile(
    r"(?i)(?:^|_)(?:password|passwd|pwd|passphrase|secret|secret_?key|api_?key|apikey|access_?key|private_?key|auth_?token|access_?token|"
    r"client_?secret|secret_access_key|aws_session_token)$"
)
_KNOWN = re.compile(
    r"(?:AKIA|ASIA)[0-9A-Z]{16}\Z|gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{40,}|xox[abprs]-[\w-]{20,}|sk_live_\w{20,}|AIza[\w-]{35}\Z|"
    r"glpat-[\w-]{20,}|-----BEGIN (?:RSA |EC |OPENSSH )?PRIVATE KEY-----"
)
_PLACEHOLDER = re.compile(
    r"(?i)(?:example|placeholder|change.?me|your|dummy|fake|sample|redacted|todo|xxx|\.\.\.|<.*>|\{.*\}|\$|%|\*{3}|test|secret|password|passwd|none|"
    r"null|\s|://|^[a-z_.:/-]*$|^[A-Z_.:/-]*$)"
)

ACCOUNT = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")


class HardcodedCredentials(Rule):
    """Password or key is written into the source.

    Whoever can read the repository, now or in its history, has the credential, and it cannot be changed without a new release.

    Read it from the environment or from a secret store (AWS Secrets Manager, Parameter Store), and replace the one that was
    committed: removing it from the file does not remove it from the history.
    """

    severity = Severity.CRITICAL
    cwe = (798,)
    aliases = ("python/hardcoded-credentials@v1.0",)
    triggers = ()
    noncompliant = (
        """
        DB_PASSWORD = "hunter2-Prod!9"  # finding
        """,
        """
        import boto3

        client = boto3.client(
            "s3",
            aws_secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYzQ81hT2c4v",  # finding
        )
        """,
    )
    compliant = (
        """
        import os

        password = os.environ["DB_PASSWORD"]
        PASSWORD_FIELD = "password"
        """,
        """
        password = "<your password>"
        api_key = ""
        secret = "changeme"
        """,
        """
        def login(form):
            return form.get(password="user_password_field")

        MESSAGES = {"password": "The password must have 12 characters"}
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for name, node in _named_texts(module):
            text = node.value
            if isinstance(text, str) and _NAME.search(name) and _looks_real(text):
                confidence = Confidence.HIGH if _entropy(text) > 3.0 else Confidence.MEDIUM
                yield self._at(module, node, confidence)
        named = {
            node for name, node in _named_texts(module) if _NAME.search(name) and _looks_real(str(node.value))
        }
        for node in module.nodes(ast.Constant):
            if (
                node not in named
                and isinstance(node.value, str)
                and _KNOWN.match(node.value)
                and "EXAMPLE" not in node.value
            ):
                yield self._at(module, node, Confidence.HIGH)

        for keyword in module.nodes(ast.keyword):
            given = keyword.value
            if keyword.arg in ACCOUNT and isinstance(given, ast.Constant) and given not in named:
                if (
                    isinstance(given.value, str)
                    and len(given.value) >= 16
                    and not given.value.startswith("testing")
                ):
                    yield self._at(module, given, Confidence.MEDIUM)

    def _at(self, module: Module, node: ast.Constant, confidence: Confidence) -> Finding:
        message = "A credential is written into the source. Read it from the environment or a secret store, and replace this one."
        return self.finding(module, node, message, confidence=confidence)


def _named_texts(module: Module) -> Iterator[tuple[str, ast.Constant]]:
    """Constants with the name they are given: assignments, keyword arguments, keys of dictionaries."""
    for node in module.nodes(ast.Assign, ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if isinstance(node.value, ast.Constant):
            for target in targets:
                name = (
                    target.id
                    if isinstance(target, ast.Name)
                    else target.attr
                    if isinstance(target, ast.Attribute)
                    else ""
                )
                yield name, node.value
    for keyword in module.nodes(ast.keyword):
        if isinstance(keyword.value, ast.Constant):
            yield keyword.arg or "", keyword.value
    for mapping in module.nodes(ast.Dict):
        for key, value in zip(mapping.keys, mapping.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(value, ast.Constant):
                yield str(key.value), value


def _looks_real(text: str) -> bool:
    return 8 <= len(text) <= 4096 and not _PLACEHOLDER.search(text) and len(set(text)) > 4


def _entropy(text: str) -> float:
    """Shannon entropy in bits a character."""
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)
