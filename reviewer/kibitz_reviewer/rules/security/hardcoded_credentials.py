"""Secrets in the source."""

from __future__ import annotations

import ast
import math
import re
from collections import Counter
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import argument
from kibitz_reviewer.engines.edits import parsed
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.engines.names import FUNCTIONS
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Confidence, Finding, Rule, Severity

_NAME = re.compile(
    r"(?i)(?:^|_)(?:password|passwd|pwd|passphrase|secret|secret_?key|api_?key|apikey|access_?key|private_?key|auth_?token|access_?token|"
    r"client_?secret|secret_access_key|aws_session_token)$"
)
_TOKEN = re.compile(r"(?i)(?:^|_)(?:token|api_token|bearer|signing_key|encryption_key)$")
_KNOWN = re.compile(
    r"(?:AKIA|ASIA)[0-9A-Z]{16}\Z|gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{40,}|xox[abprs]-[\w-]{20,}|sk_live_\w{20,}|AIza[\w-]{35}\Z|"
    r"glpat-[\w-]{20,}|-----BEGIN (?:RSA |EC |OPENSSH )?PRIVATE KEY-----"
)
_PLACEHOLDER = re.compile(
    r"(?i:example|placeholder|change.?me|replace.?me|your|dummy|fake|sample|redacted|todo|xxx|\.\.\.|<.*>|\{.*\}|\$[{(]|^\$|%[sd(]|\*{3}|test|"
    r"none|null|\s|://|^[\[<(].*[\])>]$)|^[a-z_.:/-]*$|^[A-Z_.:/-]*$|^[A-Za-z]+(?:[-_.:/ ][A-Za-z]+)*$"
)
#: Functions that take a secret by position, and where.
POSITIONS = {
    "jwt.encode": 1,
    "jwt.decode": 1,
    "jose.jwt.encode": 1,
    "jose.jwt.decode": 1,
    "hmac.new": 0,
    "hmac.digest": 0,
    "cryptography.fernet.Fernet": 0,
    "itsdangerous.URLSafeTimedSerializer": 0,
    "itsdangerous.URLSafeSerializer": 0,
    "itsdangerous.TimestampSigner": 0,
    "itsdangerous.Signer": 0,
    "requests.auth.HTTPBasicAuth": 1,
    "httpx.BasicAuth": 1,
    "aiohttp.BasicAuth": 1,
    "smtplib.SMTP().login": 1,
    "smtplib.SMTP_SSL().login": 1,
    "imaplib.IMAP4_SSL().login": 1,
    "ftplib.FTP().login": 1,
    "ftplib.FTP_TLS().login": 1,
    "ldap.initialize().simple_bind_s": 1,
}

#: Of these, what sign: any text written out is a key that others can read.
SIGNING = ("jwt.encode", "jose.jwt.encode", "hmac.new", "hmac.digest", "cryptography.fernet.Fernet")
MIN_KEY = 4
CONNECTING = (
    "psycopg2.connect",
    "psycopg.connect",
    "psycopg.AsyncConnection.connect",
    "pyodbc.connect",
    "asyncpg.connect",
)
_IN_DSN = re.compile(r"(?i)\b(?:password|pwd)\s*=\s*([^\s;'\"{}<>$%]{4,})")
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
    fix = Applicability.SUGGESTED
    fix_title = "Take it from the environment"
    noncompliant = (
        """
        DB_PASSWORD = "hunter2-Prod!9"  # finding
        """,
        """
        import jwt
        import psycopg2

        def token(claims):
            return jwt.encode(claims, "keep it", algorithm="HS256")  # finding

        connection = psycopg2.connect("dbname=shop user=app password=Qu1etRiver")  # finding
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

        import jwt
        import psycopg2

        connection = psycopg2.connect("dbname=shop user=app password=%s" % os.environ["DB_PASSWORD"])
        token = jwt.encode({}, os.environ["SIGNING_KEY"], algorithm="HS256")
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
        named: dict[ast.Constant, str] = {}
        for name, node in _named_texts(module):
            text = _text(node)
            if (_NAME.search(name) and _looks_real(text)) or (_TOKEN.search(name) and _looks_random(text)):
                named[node] = text
        named |= {node: _text(node) for node in _handed_over(module) if _looks_real(_text(node))}
        named |= {node: _text(node) for node in _signing(module)}
        for node, text in named.items():
            confidence = Confidence.HIGH if _entropy(text) > 3.0 else Confidence.MEDIUM
            yield self._at(module, node, confidence)
        for node in module.nodes(ast.Constant):
            if (
                node not in named
                and isinstance(node.value, str)
                and _KNOWN.match(node.value)
                and "EXAMPLE" not in node.value
            ):
                yield self._at(module, node, Confidence.HIGH)

        for call in module.calls(*CONNECTING):
            given = module.value_of(call.args[0]) if call.args else None
            if isinstance(given, ast.Constant) and _IN_DSN.search(_text(given)):
                yield self._at(module, given, Confidence.MEDIUM)
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

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.SimpleString):
            return None
        around = repair.module.parent(repair.target)
        name = ""
        if isinstance(around, ast.keyword):
            name = around.arg or ""
        elif isinstance(around, ast.Assign | ast.AnnAssign):
            target = around.targets[0] if isinstance(around, ast.Assign) else around.target
            name = (
                target.id
                if isinstance(target, ast.Name)
                else target.attr
                if isinstance(target, ast.Attribute)
                else ""
            )
            if isinstance(target, ast.Subscript):
                name = str(repair.module.constant(target.slice, ""))
        if not name.isidentifier():
            return None
        repair.add_import("os")
        return parsed(f'os.environ["{name.upper()}"]')


def _handed_over(module: Module) -> Iterator[ast.Constant]:
    """Constants in the place of a secret: by position, in a pair of name and password, or compared with one."""
    for call in module.calls(*POSITIONS):
        place = POSITIONS[module.qualified_name(call.func) or ""]
        if len(call.args) > place and isinstance(given := call.args[place], ast.Constant):
            yield given
    for keyword in module.nodes(ast.keyword):
        pair = keyword.value
        if keyword.arg in ("auth", "basic_auth") and isinstance(pair, ast.Tuple) and len(pair.elts) == 2:
            if isinstance(pair.elts[1], ast.Constant):
                yield pair.elts[1]
    for compare in module.nodes(ast.Compare):
        right, left = compare.comparators[0], compare.left
        name = left.id if isinstance(left, ast.Name) else left.attr if isinstance(left, ast.Attribute) else ""
        if _NAME.search(name) and isinstance(compare.ops[0], ast.Eq) and isinstance(right, ast.Constant):
            yield right


def _signing(module: Module) -> Iterator[ast.Constant]:
    """Constants that sign or encrypt."""
    for call in module.calls(*SIGNING):
        place = POSITIONS[module.qualified_name(call.func) or ""]
        given = argument(call, place, "key")
        if isinstance(given, ast.Constant) and len(_text(given)) >= MIN_KEY:
            yield given


def _text(node: ast.Constant) -> str:
    value = node.value
    return value.decode("latin-1") if isinstance(value, bytes) else value if isinstance(value, str) else ""


def _defaults(module: Module) -> Iterator[tuple[str, ast.Constant]]:
    """Parameters with a constant as their default."""
    for function in module.nodes(*FUNCTIONS):
        arguments = function.args
        positional = [*arguments.posonlyargs, *arguments.args]
        pairs = [
            *zip(reversed(positional), reversed(arguments.defaults), strict=False),
            *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
        ]
        for parameter, default in pairs:
            if isinstance(default, ast.Constant):
                yield parameter.arg, default


def _named_texts(module: Module) -> Iterator[tuple[str, ast.Constant]]:
    """Constants with the name they are given: assignments, keyword arguments, defaults, keys of dictionaries."""
    yield from _defaults(module)
    for node in module.nodes(ast.Assign, ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if isinstance(node.value, ast.Constant):
            for target in targets:
                name = (
                    target.id
                    if isinstance(target, ast.Name)
                    else target.attr
                    if isinstance(target, ast.Attribute)
                    else str(module.constant(target.slice, ""))
                    if isinstance(target, ast.Subscript)
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
    return 6 <= len(text) <= 4096 and not _PLACEHOLDER.search(text) and len(set(text)) > 4


def _looks_random(text: str) -> bool:
    """Whether a text is long and as disordered as keys are."""
    return (
        16 <= len(text) <= 4096
        and any(c.isdigit() for c in text)
        and _looks_real(text)
        and _entropy(text) > 3.2
    )


def _entropy(text: str) -> float:
    """Shannon entropy in bits a character."""
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)
