"""TLS without looking at the certificate."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import keywords_of
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity

HTTP = ("requests.*", "httpx.*")
AIOHTTP = frozenset(
    {
        "get",
        "post",
        "put",
        "patch",
        "delete",
        "head",
        "options",
        "request",
        "ws_connect",
        "TCPConnector",
        "ClientSession",
    }
)
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
    triggers = (
        "verify",
        "ssl",
        "verify_ssl",
        "cert_reqs",
        "ssl_cert_reqs",
        "verify_certs",
        "validate_certs",
        "ssl_verify_cert",
        "tlsAllowInvalidCertificates",
        "tlsInsecure",
        "tls_insecure",
    )
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
                name in ("verify", "verify_ssl") and module.constant(value) is False
                for name, value in keywords_of(module, call)
            ):
                yield self.finding(module, call, message)
        for keyword in module.nodes(ast.keyword):
            around = module.parent(keyword)
            if isinstance(around, ast.Call) and self._asks_for_none(module, around, keyword):
                yield self.finding(module, around, message)
        for call in module.calls(*CONTEXTS):
            yield self.finding(module, call, message)
        for assign in module.nodes(ast.Assign):
            if any(
                isinstance(target, ast.Attribute) and self._turns_off(module, target, assign)
                for target in assign.targets
            ):
                yield self.finding(module, assign, message)

    def _asks_for_none(self, module: Module, call: ast.Call, keyword: ast.keyword) -> bool:
        """Whether an argument of a client, or of a request of aiohttp, says that any certificate will do."""
        value = module.constant(keyword.value, ...)
        if keyword.arg in ("cert_reqs", "ssl_cert_reqs"):
            none = module.qualified_name(keyword.value) == "ssl.CERT_NONE"
            return none or str(value).lower() in ("cert_none", "none")
        if keyword.arg in ("verify_certs", "verify_ssl", "ssl_verify_cert", "validate_certs"):
            name = module.qualified_name(call.func) or ""
            return value is False and not name.startswith(("requests.", "httpx."))
        if keyword.arg in ("tlsAllowInvalidCertificates", "tlsInsecure", "tls_insecure"):
            return value is True
        if keyword.arg == "ssl" and value is False and "aiohttp" in module.imported:
            return isinstance(call.func, ast.Attribute) and call.func.attr in AIOHTTP
        return False

    def _turns_off(self, module: Module, target: ast.Attribute, assign: ast.Assign) -> bool:
        if target.attr == "verify_mode":
            return module.qualified_name(assign.value) == "ssl.CERT_NONE"
        if target.attr == "check_hostname" and module.constant(assign.value) is False:
            # With the mode off as well, one finding is enough.
            around = module.enclosing_function(assign) or module.tree
            return not any(isinstance(n, ast.Attribute) and n.attr == "CERT_NONE" for n in ast.walk(around))
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
