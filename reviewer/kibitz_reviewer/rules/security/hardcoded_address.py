"""Addresses of machines in the source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import target_names
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Confidence, Finding, Rule, Severity

ADDRESS = re.compile(r"(?:https?://)?(\d{1,3}(?:\.\d{1,3}){3})(?::\d+)?(?:/[\w./-]*)?")
HARMLESS = re.compile(
    r"127\.|0\.|255\.|169\.254\.|224\.|239\.|1\.1\.1\.1$|1\.0\.0\.1$|8\.8\.|9\.9\.9\.9$|\d+\.0\.0\.0$"
)
HOST = re.compile(r"(?i)host|ip\b|ip_|_ip|addr|server|url|endpoint|peer|gateway|proxy|dns|node|remote")
VERSION = re.compile(r"(?i)version|release|mask|oid|revision")


class HardcodedAddress(Rule):
    """Address of a machine is written into the source.

    When the machine moves the program must be changed and released; until then it talks to whoever has the address next. It also
    tells readers of the source how the network is built.

    Take it from the configuration, or use a name.
    """

    severity = Severity.MEDIUM
    confidence = Confidence.MEDIUM
    cwe = (1051,)
    aliases = ("python/hardcoded-ip-address@v1.0",)
    noncompliant = (
        """
        import socket

        def connect():
            return socket.create_connection(("203.0.113.77", 443), timeout=5)  # finding
        """,
        """
        DATABASE_HOST = "52.14.200.31"  # finding
        """,
    )
    compliant = (
        """
        import os
        import socket

        def connect():
            return socket.create_connection((os.environ["HOST"], 443), timeout=5)
        """,
        """
        VERSION = "1.2.3.4"
        LOCAL = "127.0.0.1"
        NETWORK = "10.0.0.0/8"
        MASK = "255.255.255.0"
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        if _is_test(module):
            return
        for constant in module.nodes(ast.Constant):
            text = constant.value
            if not isinstance(text, str) or not _is_address(text):
                continue
            parent = module.parent(constant)
            if isinstance(parent, ast.Expr | ast.Compare | ast.JoinedStr) or not self._is_host(
                module, constant
            ):
                continue
            yield self.finding(
                module,
                constant,
                "The address of a machine is written into the source. Take it from the configuration.",
            )

    def _is_host(self, module: Module, node: ast.Constant) -> bool:
        """Whether the text is used as an address: by the name it gets, or by the call it goes into."""
        for around in module.ancestors(node):
            names = target_names(around)
            if isinstance(around, ast.keyword) and around.arg:
                names.append(around.arg)
            if isinstance(around, ast.Dict):
                names += [
                    str(k.value)
                    for k, v in zip(around.keys, around.values, strict=True)
                    if v is node and isinstance(k, ast.Constant)
                ]
            if any(VERSION.search(name) for name in names):
                return False
            if any(HOST.search(name) for name in names):
                return True
            if isinstance(around, ast.Call):
                called = ast.unparse(around.func).rpartition(".")[2]
                return bool(
                    re.search(
                        r"(?i)connect|bind|socket|host|ping|request|get$|post$|resolve|server|client|sendto|open|ssh",
                        called,
                    )
                )
            if isinstance(around, ast.stmt):
                return bool(names) and isinstance(around, ast.Assign) and around.value is node
        return False


def _is_address(text: str) -> bool:
    match = ADDRESS.fullmatch(text)
    if match is None or HARMLESS.match(match[1]):
        return False
    return all(int(part) < 256 for part in match[1].split("."))


def _is_test(module: Module) -> bool:
    return bool(re.search(r"(?:^|/)(?:tests?/|test_|conftest)", module.path))
