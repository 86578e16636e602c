"""Outsiders' values as regular expressions."""

from __future__ import annotations

from kibitz_reviewer.engines.escape_fix import escaped
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Severity
from kibitz_reviewer.rule_flow import FlowRule


class RegexInjection(FlowRule):
    """Regular expression is made from a value that an outsider controls.

    A pattern with nested repetition takes time that grows exponentially: one request can keep a processor busy for hours.

    Pass the value through `re.escape`, or search for it as plain text.
    """

    severity = Severity.MEDIUM
    cwe = (730, 1333, 400)
    aliases = ("python/improper-wildcard-sanitization@v1.0",)
    triggers = ("compile", "match", "search", "fullmatch", "findall", "finditer", "sub", "split")
    kinds = ("regex",)
    advice = "Pass the value through `re.escape` first."
    fix = Applicability.SUGGESTED
    fix_title = "Match it as it is"
    noncompliant = (
        """
        import re
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/find")
        def find():
            pattern = ".*" + request.args["term"] + ".*"
            return {"found": bool(re.search(pattern, "some text"))}  # finding
        """,
        """
        import re

        def lambda_handler(event, context):
            rule = re.compile(event["rule"])  # finding
            return bool(rule.match("text"))
        """,
    )
    compliant = (
        """
        import re
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/find")
        def find():
            pattern = ".*" + re.escape(request.args["term"]) + ".*"
            return {"found": bool(re.search(pattern, "some text"))}
        """,
        """
        import re

        def lambda_handler(event, context):
            return bool(re.match(r"[a-z]+", event["name"]))
        """,
    )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        if not node.args:
            return None
        repair.add_import("re")
        return escaped(node, node.args[0], "re.escape")
