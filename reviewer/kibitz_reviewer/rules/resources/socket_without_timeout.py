"""Sockets that wait for ever."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import argument, is_open, name_of
from kibitz_reviewer.engines.edits import with_keyword
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity


class SocketWithoutTimeout(Rule):
    """Socket connects or receives without a limit of time.

    A peer that says nothing, or a network that loses a packet, then holds this thread for ever.

    Call `settimeout`, or pass `timeout=` to `create_connection`.
    """

    severity = Severity.MEDIUM
    cwe = (400,)
    aliases = ("python/socket-connection-timeout@v1.0",)
    triggers = ("socket",)
    fix = Applicability.SUGGESTED
    fix_title = "Set a limit of time"
    noncompliant = (
        """
        import socket

        def ask(host):
            connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            connection.connect((host, 80))  # finding
            return connection.recv(100)
        """,
        """
        import socket

        def ask(host):
            return socket.create_connection((host, 80))  # finding
        """,
    )
    compliant = (
        """
        import socket

        def ask(host):
            connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            connection.settimeout(5)
            connection.connect((host, 80))
            return connection.recv(100)
        """,
        """
        import socket

        socket.setdefaulttimeout(10)

        def ask(host):
            return socket.create_connection((host, 80))
        """,
        """
        import socket

        def ask(host):
            return socket.create_connection((host, 80), 5)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        if module.calls("socket.setdefaulttimeout"):
            return
        for call in module.calls("socket.create_connection"):
            given = argument(call, 1, "timeout")
            if not is_open(call) and (given is None or module.constant(given, "") is None):
                yield self.finding(module, call, "A silent peer holds this for ever. Pass `timeout=`.")
        for call in module.calls("socket.socket().connect"):
            owner = call.func.value if isinstance(call.func, ast.Attribute) else None
            limits = {
                ast.unparse(c.func.value)
                for c in module.method_calls("settimeout", "setblocking")
                if isinstance(c.func, ast.Attribute)
            }
            made = module.value_of(owner) if owner is not None else None
            is_local = isinstance(made, ast.Call) and any(
                name_of(module, a).endswith(("AF_UNIX", "SOCK_DGRAM")) for a in made.args
            )
            if owner is not None and ast.unparse(owner) not in limits and not is_local:
                yield self.finding(
                    module, call, "A silent peer holds this for ever. Call `settimeout` first."
                )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        name = repair.module.qualified_name(repair.target.func) if isinstance(repair.target, ast.Call) else ""
        if name == "socket.create_connection":
            return with_keyword(node, "timeout", "10")
        line = repair.parent(repair.parent(node) or node)
        if not isinstance(node.func, cst.Attribute) or not isinstance(line, cst.SimpleStatementLine):
            return None
        limit = cst.Call(cst.Attribute(node.func.value, cst.Name("settimeout")), [cst.Arg(cst.Integer("10"))])
        before = cst.SimpleStatementLine([cst.Expr(limit)], leading_lines=line.leading_lines)
        repair.replace(line, cst.FlattenSentinel([before, line.with_changes(leading_lines=[])]))
        return None
