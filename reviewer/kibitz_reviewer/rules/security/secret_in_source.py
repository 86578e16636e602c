"""Keys that give themselves away."""

from __future__ import annotations

import ast
import math
import re
from collections import Counter
from collections.abc import Iterator

from kibitz_reviewer.engines.edits import parsed
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity

FORMS = re.compile(
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36,}|\bgithub_pat_[A-Za-z0-9_]{50,}|\bglpat-[\w-]{20,}|\bxox[abprs]-[\w-]{10,}"
    r"|\bsk_live_[A-Za-z0-9]{20,}|\brk_live_[A-Za-z0-9]{20,}|\bAIza[\w-]{35}\b|\bSG\.[\w-]{20,}\.[\w-]{20,}|\bnpm_[A-Za-z0-9]{36}\b|\bpypi-[\w-]{50,}"
    r"|\bya29\.[\w-]{20,}|\bEAACEdEose0cBA[A-Za-z0-9]+|-----BEGIN (?:RSA |EC |DSA |OPENSSH )?PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]{40,}|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"
    r"|\bsk-(?:proj-|ant-)?[A-Za-z0-9_-]{32,}|\bhooks\.slack\.com/services/T\w{8,}/B\w{8,}/\w{20,}"
)


#: One of these is in every text that ``FORMS`` knows.
STARTS = (
    *(
        "AKIA",
        "ASIA",
        "ghp_",
        "gho_",
        "ghu_",
        "ghs_",
        "ghr_",
        "github_pat_",
        "glpat-",
        "xox",
        "sk_live_",
        "rk_live_",
    ),
    *(
        "AIza",
        "SG.",
        "npm_",
        "pypi-",
        "ya29.",
        "EAACEdEose0cBA",
        "-----BEGIN",
        "eyJ",
        "sk-",
        "hooks.slack.com",
    ),
)
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://(?P<user>[^\s:@/]*):(?P<password>[^\s@/]{5,})@(?P<host>[\w.-]+)")


class SecretInSource(Rule):
    """Key of a service is written into the source.

    Its form says what it is: programs that look through public code find it within minutes, and the history keeps it for ever.

    Revoke it, and take the new one from the environment or a store of secrets.
    """

    severity = Severity.CRITICAL
    cwe = (798, 312)
    supersedes = ("hardcoded-credentials",)
    aliases = ("python/hardcoded-credentials@v1.0",)
    fix = Applicability.SUGGESTED
    fix_title = "Take it from the environment"
    noncompliant = (
        """
        GITHUB = "ghp_aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5"  # finding
        """,
        """
        STRIPE = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"  # finding
        BROKER = "amqps://shop:pL9zq2Wx@broker.example.net/"  # finding
        """,
        """
        KEY = "-----BEGIN RSA PRIVATE KEY-----\\nMIIEpAIBAAKCAQEA7bq5T4k2u8y0rXq1b3f9Zw4\\n-----END RSA PRIVATE KEY-----"  # finding
        """,
    )
    compliant = (
        """
        import os

        GITHUB = os.environ["GITHUB_TOKEN"]
        EXAMPLE = "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        """,
        """
        ADDRESS = "postgresql://user:password@localhost:5432/shop"
        OTHER = "amqp://guest:guest@broker/"
        FORM = "https://{user}:{password}@example.org"
        """,
        """
        HEADER = "-----BEGIN RSA PRIVATE KEY-----"
        CHECKSUM = "d41d8cd98f00b204e9800998ecf8427e"
        NAME = "AKIAIOSFODNN7EXAMPLE"
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        known = any(start in module.source for start in STARTS)
        for node in module.nodes(ast.Constant):
            text = node.value
            if not isinstance(text, str) or len(text) < 16 or not (known or ("@" in text and "://" in text)):
                continue
            match = FORMS.search(text)
            if (match is not None and _is_random(match[0])) or _holds_password(text):
                yield self.finding(
                    module,
                    node,
                    "A key of a service stands in the source. Revoke it, and take the new one from the environment.",
                )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.SimpleString):
            return None
        around = repair.module.parent(repair.target)
        name = around.arg or "" if isinstance(around, ast.keyword) else ""
        if isinstance(around, ast.Assign) and isinstance(around.targets[0], ast.Name):
            name = around.targets[0].id
        if not name.isidentifier():
            return None
        repair.add_import("os")
        return parsed(f'os.environ["{name.upper()}"]')


def _holds_password(text: str) -> bool:
    """Whether a text is an address with a password in it that is more than a word of an example."""
    match = ADDRESS.match(text)
    if match is None or match["host"].split(".")[0] in ("localhost", "127", "host", "example"):
        return False
    user, password = match["user"], match["password"]
    return user != password and not re.search(
        r"(?i)^(?:pass\w*|pwd|secret|user|guest|admin|root|x+|\*+)$|example|[<{$%]", password
    )


def _is_random(text: str) -> bool:
    """Whether a text has the disorder of a key: examples repeat one letter, or say that they are one."""
    if re.search(r"(?i)example|xxxx|placeholder|your[_-]|dummy|test_?key|0000000|1234567", text):
        return False
    counts = Counter(text)
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values()) > 3.0
