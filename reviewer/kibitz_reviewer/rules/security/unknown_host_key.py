"""Servers taken at their word."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import argument, name_of
from kibitz_reviewer.engines.edits import changed
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity


class UnknownHostKey(Rule):
    """SSH connection accepts a server whose key it has never seen.

    Whoever can redirect the connection then is the server, and gets the password and everything that is sent.

    Load the known keys and leave `RejectPolicy` in place.
    """

    severity = Severity.HIGH
    cwe = (322, 295)
    aliases = ("python/do-not-auto-add-or-warning-missing-hostkey-policy@v1.0",)
    triggers = ("set_missing_host_key_policy",)
    fix = Applicability.SUGGESTED
    fix_title = "Refuse servers that are not known"
    noncompliant = (
        """
        import paramiko

        def connect():
            client = paramiko.SSHClient()
            client.set_missing_host_key_policy(paramiko.AutoAddPolicy())  # finding
            return client
        """,
        """
        from paramiko.client import SSHClient, WarningPolicy

        def connect():
            client = SSHClient()
            client.set_missing_host_key_policy(WarningPolicy)  # finding
            return client
        """,
    )
    compliant = (
        """
        import paramiko

        def connect():
            client = paramiko.SSHClient()
            client.load_system_host_keys()
            client.set_missing_host_key_policy(paramiko.RejectPolicy())
            return client
        """,
        """
        import paramiko

        class Ask(paramiko.MissingHostKeyPolicy):
            def missing_host_key(self, client, hostname, key):
                raise paramiko.SSHException(hostname)

        def connect():
            client = paramiko.SSHClient()
            client.set_missing_host_key_policy(Ask())
            return client
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.method_calls("set_missing_host_key_policy"):
            policy = argument(call, 0, "policy")
            if re.search(r"(?:AutoAdd|Warning)Policy(?:\(\))?$", name_of(module, policy)):
                yield self.finding(
                    module,
                    call,
                    "Any server is taken for the right one. Load the known keys and reject others.",
                )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        return changed(node, _refusing)


def _refusing(node: cst.CSTNode) -> cst.CSTNode | None:
    """The policy that refuses in the place of those that accept, where it is spelled by its module."""
    if isinstance(node, cst.Attribute) and node.attr.value in ("AutoAddPolicy", "WarningPolicy"):
        return node.with_changes(attr=cst.Name("RejectPolicy"))
    return None
