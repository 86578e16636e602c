"""TLS without looking at the certificate."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import libcst as cst

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity

HTTP = ("requests.*", "httpx.*")
CONTEXTS = ("ssl._create_unverified_context", "ssl._create_stdlib_context")


class UnverifiedCertificate(Rule):
    """Certificate of the other side is not verified.

    Without verification anyone on the way can answer in the other side's name, read what is sent, tokens included, and change
    what comes back; encryption alone does not help.

    Leave verification on. For a private authority pass its certificate: `verify="/path/ca.pem"`, or
    `ssl.create_default_context(cafile=...)`.
    """

    severity = Severity.HIGH
    cwe = (295,)
    aliases = ("python/improper-certificate-validation@v1.0",)
    triggers = ("verify", "ssl", "verify_ssl")
    fix = Applicability.SUGGESTED
    fix_title = "Leave verification on"
    noncompliant = (
        """
        import requests

        def fetch(url):
            return requests.get(url, timeout=5, verify=False)  # finding
        """,
        """
        import requests

        session = requests.Session()
        session.verify = False  # finding
        answer = session.post("https://example.org", timeout=3, verify=False)  # finding
        """,
        """
        import ssl

        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # finding
        other = ssl._create_unverified_context()  # finding
        """,
    )
    compliant = (
        """
        import requests

        def fetch(url, bundle):
            return requests.get(url, timeout=5, verify=bundle), requests.get(url, timeout=5, verify=True)
        """,
        """
        import jwt

        def sign(payload, key):
            return jwt.encode(payload, key, verify=False)
        """,
        """
        import ssl

        context = ssl.create_default_context()
        context.verify_mode = ssl.CERT_REQUIRED
        if context.verify_mode == ssl.CERT_NONE:
            raise ValueError("verification is off")
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        message = "The certificate is not verified, so anyone on the way can pose as the other side. Leave verification on."
        for call in module.calls(*HTTP, "boto3.client", "boto3.resource"):
            if any(
                k.arg in ("verify", "verify_ssl") and module.constant(k.value) is False for k in call.keywords
            ):
                yield self.finding(module, call, message)
        for call in module.calls(*CONTEXTS):
            yield self.finding(module, call, message)
        for assign in module.nodes(ast.Assign):
            if any(
                isinstance(target, ast.Attribute) and self._turns_off(module, target, assign)
                for target in assign.targets
            ):
                yield self.finding(module, assign, message)

    def _turns_off(self, module: Module, target: ast.Attribute, assign: ast.Assign) -> bool:
        if target.attr == "verify_mode":
            return module.qualified_name(assign.value) == "ssl.CERT_NONE"
        owner = module.qualified_name(target.value) or ""
        is_session = owner.startswith(("requests.", "httpx."))
        if target.attr == "verify" and is_session:
            return module.constant(assign.value) is False
        return module.qualified_name(target) == "ssl._create_default_https_context" and module.qualified_name(
            assign.value
        ) in (*CONTEXTS,)

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        kept = [a for a in node.args if not (a.keyword and a.keyword.value in ("verify", "verify_ssl"))]
        if len(kept) == len(node.args):
            return None
        if kept:
            kept[-1] = kept[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
        return node.with_changes(args=kept)
