"""Keys of the account in logs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Finding, Rule, Severity

WRITERS = ("debug", "info", "warning", "warn", "error", "critical", "exception", "log", "print", "pprint")
KEY = re.compile(
    r"(?i)^_?(?:aws_?)?(?:secret_?access_?key|secret_?key|access_?key(?:_?id)?|session_?token|SecretAccessKey|AccessKeyId|SessionToken)(?:_id)?$"
)


ISSUERS = (
    ".assume_role()",
    ".get_session_token()",
    ".get_federation_token()",
    ".assume_role_with_web_identity()",
    ".assume_role_with_saml()",
)


class LoggedCredentials(Rule):
    """Credentials of an AWS account are logged or printed.

    Whoever reads the log can act as this account until the key is changed.

    Leave them out, or log the access key's last four letters.
    """

    severity = Severity.HIGH
    cwe = (255, 532, 798)
    aliases = ("python/aws-logged-credentials@v1.0",)
    triggers = ("log", "logging", "logger", "print", "LOGGER", "LOG")
    noncompliant = (
        """
        import logging
        import boto3

        def show():
            credentials = boto3.Session().get_credentials()
            logging.info("using %s", credentials.secret_key)  # finding
        """,
        """
        import boto3

        def show():
            keys = boto3.client("sts").assume_role(RoleArn="arn:aws:iam::1:role/x", RoleSessionName="x")["Credentials"]
            print(keys["SecretAccessKey"])  # finding
        """,
        """
        import logging

        logger = logging.getLogger(__name__)

        def connect(access_key, secret_key):
            logger.debug(f"connecting with {access_key} and {secret_key}")  # finding
        """,
    )
    compliant = (
        """
        import logging
        import boto3

        def show():
            credentials = boto3.Session().get_credentials()
            logging.info("credentials by %s", credentials.method)
        """,
        """
        import logging

        def connect(access_key, secret_key):
            if not secret_key:
                logging.error("no secret key is configured")
            return (access_key, secret_key)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.nodes(ast.Call):
            last = (
                call.func.attr
                if isinstance(call.func, ast.Attribute)
                else call.func.id
                if isinstance(call.func, ast.Name)
                else ""
            )
            if last not in WRITERS or (
                last not in ("print", "pprint") and "log" not in ast.unparse(call.func).lower()
            ):
                continue
            if any(
                _is_key(module, n) or _holds_keys(module, n)
                for given in [*call.args, *(k.value for k in call.keywords)]
                for n in ast.walk(given)
            ):
                yield self.finding(
                    module, call, "Whoever reads this log can act as this account. Leave the credentials out."
                )


def _holds_keys(module: Module, node: ast.AST) -> bool:
    """Whether this is the whole record in which STS, or a session, hands out keys."""
    if not isinstance(node, ast.Name | ast.Subscript | ast.Call) or isinstance(
        module.parent(node), ast.Attribute | ast.Subscript | ast.Compare
    ):
        return False
    value = module.value_of(node) if isinstance(node, ast.Name) else node
    if isinstance(value, ast.Subscript):
        name = module.qualified_name(value.value) or ""
        return name.endswith(ISSUERS) and module.constant(value.slice) == "Credentials"
    return (module.qualified_name(value) or "").endswith("get_frozen_credentials()")


def _is_key(module: Module, node: ast.AST) -> bool:
    if isinstance(node, ast.Name):
        return bool(KEY.match(node.id))
    if isinstance(node, ast.Attribute):
        return bool(KEY.match(node.attr))
    if isinstance(node, ast.Subscript):
        return bool(KEY.match(str(module.constant(node.slice, ""))))
    return False
