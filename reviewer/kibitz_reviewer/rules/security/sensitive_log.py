"""Secrets in logs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import keyword
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Confidence, Finding, Rule, Severity

SECRET = re.compile(
    r"(?i)(?:^|_)(?:password|passwd|pwd|passphrase|secret|ssn|social_security_number|credit_card\w*|card_number|cvv|cvc|private_key|api_?key|access_token|auth_token|refresh_token|pin_code|security_answer|client_secret|secret_key)$"
)
HARMLESS = re.compile(
    r"(?i)hash|masked|redacted|encrypted|_id$|name$|length|count|policy|field|prompt|error|is_|has_"
)
LEVELS = ("debug", "info", "warning", "warn", "error", "critical", "exception", "log", "fatal")
CLEAN = ("len", "bool", "mask", "redact", "hash", "type", "isinstance", "id")


class SensitiveLog(Rule):
    """Secret or personal value is written to a log or printed.

    Logs are kept long, copied to many places and read by many: what stands in them is no secret any more.

    Leave it out, or log a part that tells nothing.
    """

    severity = Severity.HIGH
    confidence = Confidence.MEDIUM
    cwe = (200, 532)
    aliases = ("python/sensitive-information-leak@v1.0",)
    triggers = ("log", "logging", "logger", "print", "LOG", "LOGGER", "_logger")
    noncompliant = (
        """
        import logging

        logger = logging.getLogger(__name__)

        def login(user, password):
            logger.info("login of %s with %s", user, password)  # finding
        """,
        """
        def register(form):
            ssn = form["ssn"]
            print(f"registered {ssn}")  # finding
        """,
    )
    compliant = (
        """
        import logging

        logger = logging.getLogger(__name__)

        def login(user, password):
            logger.info("login of %s", user)
            if not password:
                logger.warning("empty password")
        """,
        """
        import logging

        def change(user, password):
            logging.info("password of %s changed, %d characters", user, len(password))
            logging.info("password is valid: %s", bool(password))
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.nodes(ast.Call):
            if not _writes(module, call):
                continue
            for given in [*call.args, *(k.value for k in call.keywords)]:
                secret = next(_secrets(module, given), None)
                if secret is not None:
                    yield self.finding(
                        module, call, f"`{secret}` stands in the log for all to read. Leave it out."
                    )
                    break


def _writes(module: Module, call: ast.Call) -> bool:
    """Whether a call writes to a log, or prints."""
    if isinstance(call.func, ast.Attribute) and call.func.attr in LEVELS:
        return bool(re.search(r"(?i)log", ast.unparse(call.func.value)))
    return (
        isinstance(call.func, ast.Name)
        and call.func.id in ("print", "pprint")
        and keyword(call, "file") is None
    )


def _secrets(module: Module, node: ast.AST) -> Iterator[str]:
    """The names of secrets whose values are in an expression."""
    if isinstance(node, ast.Call):
        called = ast.unparse(node.func).rpartition(".")[2].lower()
        if any(word in called for word in CLEAN) or called in ("hexdigest", "getpass"):
            return
    if isinstance(node, ast.Compare | ast.Constant | ast.Lambda):
        return
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
        return  # the last four digits, the first letter
    if isinstance(node, ast.IfExp):
        yield from _secrets(module, node.body)
        yield from _secrets(module, node.orelse)
        return
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    if isinstance(node, ast.Subscript):
        name = str(module.constant(node.slice, ""))
    if name and SECRET.search(name) and not HARMLESS.search(name):
        yield name
        return
    for inner in ast.iter_child_nodes(node):
        yield from _secrets(module, inner)
