"""Connections left open."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.closing import leaks_from
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.engines.pieces import safe_call
from kibitz_reviewer.engines.scopes import opened_in_with
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity

OPENERS = (
    "socket.socket",
    "socket.create_connection",
    "sqlite3.connect",
    "psycopg2.connect",
    "pymysql.connect",
    "MySQLdb.connect",
    "mysql.connector.connect",
    "urllib.request.urlopen",
    "smtplib.SMTP",
    "smtplib.SMTP_SSL",
    "ftplib.FTP",
    "ftplib.FTP_TLS",
    "paramiko.SSHClient",
    "http.client.HTTPConnection",
    "http.client.HTTPSConnection",
    "zipfile.ZipFile",
    "os.popen",
    "gzip.open",
    "bz2.open",
    "lzma.open",
    "tempfile.TemporaryFile",
    "tempfile.NamedTemporaryFile",
    "multiprocessing.Pool",
    "cx_Oracle.connect",
    "pyodbc.connect",
    "psycopg.connect",
    "shelve.open",
    "mmap.mmap",
    "imaplib.IMAP4_SSL",
    "telnetlib.Telnet",
    "socket.fromfd",
)


class UnclosedConnection(Rule):
    """Connection or socket is not closed on every path.

    Each one that is left open takes a place at both ends; under load the places run out, and nobody gets in.

    Open it in a `with` statement (`contextlib.closing` where it knows none), or close it in `finally`.
    """

    severity = Severity.MEDIUM
    cwe = (400, 664, 772)
    aliases = ("python/resource-leak@v1.0",)
    triggers = (
        "socket",
        "connect",
        "urlopen",
        "SMTP",
        "FTP",
        "SSHClient",
        "HTTPConnection",
        "HTTPSConnection",
        "NamedTemporaryFile",
        "create_connection",
    )
    fix = Applicability.SUGGESTED
    fix_title = "Open it in a with statement"
    noncompliant = (
        """
        import socket

        def ask(host):
            connection = socket.create_connection((host, 80), timeout=5)  # finding
            connection.sendall(b"hello")
            return connection.recv(100)
        """,
        """
        import sqlite3

        def names(path):
            connection = sqlite3.connect(path)  # finding
            cursor = connection.cursor()
            return cursor.execute("SELECT name FROM users").fetchall()
        """,
    )
    compliant = (
        """
        import socket

        def ask(host):
            with socket.create_connection((host, 80), timeout=5) as connection:
                connection.sendall(b"hello")
                return connection.recv(100)
        """,
        """
        import sqlite3

        def names(path):
            connection = sqlite3.connect(path)
            try:
                return connection.execute("SELECT name FROM users").fetchall()
            finally:
                connection.close()

        def opened(path):
            connection = sqlite3.connect(path)
            connection.row_factory = sqlite3.Row
            return connection
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls(*OPENERS):
            parent = module.parent(call)
            if (
                isinstance(parent, ast.Assign)
                and len(parent.targets) == 1
                and isinstance(parent.targets[0], ast.Name)
            ):
                if leaks_from(module, parent, parent.targets[0].id):
                    yield self.finding(
                        module, call, "This is not closed on every path. Open it in a `with` statement."
                    )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        name = repair.module.qualified_name(repair.target.func) if isinstance(repair.target, ast.Call) else ""
        if (name or "").startswith("socket."):
            opened_in_with(node, repair, lambda call: call)
        elif opened_in_with(node, repair, lambda call: safe_call(call, "closing")):
            repair.add_import("contextlib", "closing")
        return None
