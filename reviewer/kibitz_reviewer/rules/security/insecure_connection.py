"""Words that travel in the clear."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import argument, known, method
from kibitz_reviewer.engines.edits import code_of, text_value, with_value
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity

LOCAL = re.compile(
    r"(?i)localhost|127\.|\[?::1|0\.0\.0\.0|169\.254\.169\.254|169\.254\.170\.2|[\w-]+(?:[:/]|$)|[\w.-]+\.(?:local|internal|test|localhost|svc)\b|10\.|192\.168\.|%s|\{"
)
LOOPBACK = re.compile(r"(?i)localhost|127\.|\[?::1|0\.0\.0\.0|[\w.-]+\.(?:test|localhost)\b|%s|\{|$")
CLIENTS = (
    "requests.",
    "httpx.",
    "urllib.request.",
    "urllib2.",
    "urllib3.",
    "aiohttp.ClientSession",
    "urllib.urlopen",
)
VERBS = (
    "get",
    "post",
    "put",
    "patch",
    "delete",
    "head",
    "request",
    "urlopen",
    "urlretrieve",
    "options",
    "stream",
    "open",
)
BETTER = {
    "ftplib.FTP": "`ftplib.FTP_TLS`",
    "telnetlib.Telnet": "SSH",
    "imaplib.IMAP4": "`imaplib.IMAP4_SSL`",
    "poplib.POP3": "`poplib.POP3_SSL`",
    "smtplib.SMTP": "`smtplib.SMTP_SSL` or `starttls`",
    "nntplib.NNTP": "`nntplib.NNTP_SSL`",
}


class InsecureConnection(Rule):
    """Connection is not encrypted.

    Everybody on the way reads what is sent, passwords included, and can change what comes back.

    Use the protocol over TLS: `https`, `SMTP_SSL` or `starttls`, `FTP_TLS`, SSH instead of telnet.
    """

    severity = Severity.HIGH
    cwe = (319,)
    aliases = ("python/insecure-connection@v1.0",)
    triggers = (
        "http://",
        "HTTP://",
        "ftplib",
        "telnetlib",
        "imaplib",
        "poplib",
        "smtplib",
        "nntplib",
        "HTTPConnection",
    )
    fix = Applicability.SUGGESTED
    fix_title = "Use the protocol over TLS"
    noncompliant = (
        """
        import requests

        def report(data):
            return requests.post("http://api.example.org/report", json=data, timeout=5)  # finding
        """,
        """
        import ftplib

        def fetch(name, password):
            return ftplib.FTP("ftp.example.org", name, password)  # finding
        """,
        """
        import smtplib

        def mail(message, user, password):
            server = smtplib.SMTP("mail.example.org", 25)  # finding
            server.login(user, password)
            server.send_message(message)
        """,
        """
        import telnetlib

        def reach():
            return telnetlib.Telnet("switch.example.org")  # finding
        """,
    )
    compliant = (
        """
        import requests

        def report(data):
            requests.post("http://localhost:8080/report", json=data, timeout=5)
            return requests.post("https://api.example.org/report", json=data, timeout=5)
        """,
        """
        import smtplib

        def mail(message, user, password):
            server = smtplib.SMTP("mail.example.org", 587)
            server.starttls()
            server.login(user, password)
            server.send_message(message)
        """,
        """
        import ftplib

        NAMESPACE = "http://www.w3.org/2000/svg"

        def fetch(name, password):
            return ftplib.FTP_TLS("ftp.example.org", name, password)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls(
            "ftplib.FTP",
            "telnetlib.Telnet",
            "imaplib.IMAP4",
            "poplib.POP3",
            "nntplib.NNTP",
            "smtplib.SMTP",
            "http.client.HTTPConnection",
        ):
            name = module.qualified_name(call.func) or ""
            host = known(module, argument(call, 0, "host"))
            # Passwords are sent over these: a host of one's own network is a host all the same.
            near = LOCAL if name == "http.client.HTTPConnection" else LOOPBACK
            if (isinstance(host, str) and near.match(host)) or _is_upgraded(module, call):
                continue
            if name == "http.client.HTTPConnection" and not (isinstance(host, str) and "." in host):
                continue
            if name == "smtplib.SMTP" and not _logs_in(module, call):
                continue
            yield self.finding(
                module,
                call,
                f"Everybody on the way can read this. Use {BETTER.get(name, 'a connection over TLS')}.",
            )
        for call in module.nodes(ast.Call):
            if (module.qualified_name(call.func) or "").startswith(CLIENTS) and method(call).lower() in VERBS:
                for given in [
                    *call.args[:2],
                    *(k.value for k in call.keywords if k.arg in ("url", "base_url")),
                ]:
                    if self._is_plain(module, given):
                        yield self.finding(module, call, "Everybody on the way can read this. Use `https`.")
                        break

    def _is_plain(self, module: Module, node: ast.expr) -> bool:
        value = module.value_of(node)
        if isinstance(value, ast.JoinedStr) and value.values:
            value = value.values[0]
        while isinstance(value, ast.BinOp):
            value = module.value_of(value.left)
        text = module.constant(value)
        return (
            isinstance(text, str)
            and text.lower().startswith("http://")
            and len(text) > 7
            and not LOCAL.match(text[7:])
        )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        for arg in node.args:
            text = text_value(arg.value)
            if text is not None and text.lower().startswith("http://"):
                return with_value(node, arg, code_of(arg.value).replace("http://", "https://", 1))
        better = {"IMAP4": "IMAP4_SSL", "POP3": "POP3_SSL", "HTTPConnection": "HTTPSConnection"}
        if isinstance(node.func, cst.Attribute) and node.func.attr.value in better:
            return node.with_changes(func=node.func.with_changes(attr=cst.Name(better[node.func.attr.value])))
        return None


def _is_upgraded(module: Module, call: ast.Call) -> bool:
    """Whether the connection is encrypted later on."""
    around = module.enclosing_function(call) or module.tree
    return any(
        isinstance(n, ast.Attribute) and n.attr in ("starttls", "stls", "prot_p") for n in ast.walk(around)
    )


def _logs_in(module: Module, call: ast.Call) -> bool:
    around = module.enclosing_function(call) or module.tree
    return any(
        isinstance(n, ast.Attribute) and n.attr in ("login", "sendmail", "send_message")
        for n in ast.walk(around)
    )
