"""Sockets closed by number."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity


class SocketClosedAsFile(Rule):
    """Socket is closed by the number of its file.

    On Windows a socket is no file, and `os.close` fails there; elsewhere the socket object does not know it is closed and closes
    the number again, which by then may be another file.

    Call the socket's own `close()`.
    """

    severity = Severity.HIGH
    aliases = ("python/socket-close-platform-compatibility@v1.0",)
    triggers = ("close",)
    fix = Applicability.SUGGESTED
    fix_title = "Close the socket itself"
    noncompliant = (
        """
        import os
        import socket

        def check(host):
            connection = socket.create_connection((host, 80), timeout=5)
            os.close(connection.fileno())  # finding
        """,
    )
    compliant = (
        """
        import socket

        def check(host):
            connection = socket.create_connection((host, 80), timeout=5)
            connection.close()
        """,
        """
        import os

        def end(descriptor, file):
            os.close(descriptor)
            os.close(file.fileno())
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls("os.close"):
            number = module.value_of(call.args[0]) if call.args else None
            if (
                isinstance(number, ast.Call)
                and isinstance(number.func, ast.Attribute)
                and number.func.attr in ("fileno", "detach")
            ):
                owner = module.qualified_name(number.func.value) or ""
                if owner.startswith("socket.") and number.func.attr == "fileno":
                    yield self.finding(module, call, "Elsewhere a socket is no file. Call its own `close()`.")

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        inner = node.args[0].value if len(node.args) == 1 else None
        if (
            not isinstance(inner, cst.Call)
            or not isinstance(inner.func, cst.Attribute)
            or inner.func.attr.value != "fileno"
        ):
            return None
        repair.drop_import("os")
        return cst.Call(cst.Attribute(inner.func.value, cst.Name("close")))
