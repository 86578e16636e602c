"""Directories entered without a password."""

from __future__ import annotations

from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import argument, is_false, is_open, keyword, name_of
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Finding, Rule, Severity


class AnonymousLdap(Rule):
    """Directory is entered without a name or without a password.

    With an empty password many servers let anybody in as anybody; without a name the program sees what strangers see, or the
    directory shows strangers too much.

    Bind with a name and a password from the configuration, over TLS.
    """

    severity = Severity.HIGH
    cwe = (521, 287)
    aliases = ("python/ldap-authentication@v1.0",)
    triggers = ("ldap", "ldap3")
    noncompliant = (
        """
        import ldap

        def find():
            connection = ldap.initialize("ldaps://directory.example.org")
            connection.simple_bind("cn=root")  # finding
            return connection
        """,
        """
        import ldap

        def find():
            connection = ldap.initialize("ldaps://directory.example.org")
            connection.simple_bind_s("cn=root", "")  # finding
            return connection
        """,
        """
        import ldap3

        def find():
            return ldap3.Connection("directory.example.org", user="cn=root", password="", auto_bind=True)  # finding
        """,
    )
    compliant = (
        """
        import os
        import ldap

        def find():
            connection = ldap.initialize("ldaps://directory.example.org")
            connection.simple_bind_s("cn=root", os.environ["LDAP_PASSWORD"])
            return connection
        """,
        """
        import ldap3

        def find(password):
            return ldap3.Connection("directory.example.org", user="cn=root", password=password, auto_bind=True)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        message = "The directory lets anybody in this way. Bind with a name and a password."
        for call in module.method_calls("simple_bind", "simple_bind_s", "bind_s"):
            if is_open(call) or not module.imported & {"ldap"}:
                continue
            password = argument(call, 1, "cred")
            if password is None or is_false(module, password):
                yield self.finding(module, call, message)
        for call in module.calls("ldap3.Connection"):
            password = argument(call, 2, "password")
            if not is_open(call) and (
                (password is not None and is_false(module, password))
                or name_of(module, keyword(call, "authentication")).endswith("ANONYMOUS")
            ):
                yield self.finding(module, call, message)
