"""Outsiders' values in LDAP filters."""

from __future__ import annotations

from kibitz_reviewer.engines.escape_fix import escaped
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.engines.pieces import pieces_of
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Severity
from kibitz_reviewer.rule_flow import FlowRule


class LdapInjection(FlowRule):
    """LDAP filter or name holds a value that an outsider controls.

    With `*`, `(` and `)` the value changes what the filter asks: other entries match, or any password does.

    Pass the value through `escape_filter_chars` (in filters) or `escape_dn_chars` (in names).
    """

    severity = Severity.HIGH
    cwe = (90,)
    aliases = ("python/ldap-injection@v1.0",)
    triggers = ("search_s", "search", "search_ext", "search_ext_s", "search_st", "paged_search")
    kinds = ("ldap",)
    advice = "Pass the value through `escape_filter_chars` first."
    fix = Applicability.SUGGESTED
    fix_title = "Escape what is filled in"
    noncompliant = (
        """
        import ldap
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/person")
        def person():
            connection = ldap.initialize("ldaps://directory.example.org")
            query = "(uid=" + request.args["uid"] + ")"
            found = connection.search_s("dc=example", ldap.SCOPE_SUBTREE, query)  # finding
            return {"found": len(found)}
        """,
        """
        import ldap3

        def lambda_handler(event, context):
            connection = ldap3.Connection("ldaps://directory.example.org", auto_bind=True)
            connection.search("dc=example", f"(mail={event['mail']})")  # finding
            return len(connection.entries)
        """,
    )
    compliant = (
        """
        import ldap
        from ldap.filter import escape_filter_chars
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/person")
        def person():
            connection = ldap.initialize("ldaps://directory.example.org")
            query = "(uid=" + escape_filter_chars(request.args["uid"]) + ")"
            return {"found": len(connection.search_s("dc=example", ldap.SCOPE_SUBTREE, query))}
        """,
        """
        import ldap3

        def lambda_handler(event, context):
            connection = ldap3.Connection("ldaps://directory.example.org", auto_bind=True)
            connection.search("dc=example", "(objectClass=person)", attributes=event["attributes"])
            return len(connection.entries)
        """,
    )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        uses_three = "ldap3" in repair.module.imported
        owner = "ldap3.utils.conv" if uses_three else "ldap.filter"
        arg = next((a for a in node.args if pieces_of(a.value) and len(pieces_of(a.value) or []) > 1), None)
        if arg is None:
            return None
        repair.add_import(owner, "escape_filter_chars")
        return escaped(node, arg, "escape_filter_chars")
