"""Outsiders' values as file patterns."""

from __future__ import annotations

from kibitz_reviewer.engines.escape_fix import escaped
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Severity
from kibitz_reviewer.rule_flow import FlowRule


class WildcardInjection(FlowRule):
    """File pattern holds a value that an outsider controls.

    With `*` or `**` in it the value matches files it was never meant for, and makes the program list whole trees.

    Pass the value through `glob.escape`, or compare names as plain text.
    """

    severity = Severity.HIGH
    cwe = (155, 22)
    aliases = ("python/improper-wildcard-sanitization@v1.0",)
    triggers = ("glob", "iglob", "rglob", "fnmatch", "fnmatchcase", "filter")
    kinds = ("wildcard",)
    advice = "Pass the value through `glob.escape` first."
    fix = Applicability.SUGGESTED
    fix_title = "Match it as it is"
    noncompliant = (
        """
        import glob
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/files")
        def files():
            return {"files": glob.glob("/srv/files/" + request.args["name"])}  # finding
        """,
        """
        import fnmatch
        import os

        def lambda_handler(event, context):
            return [name for name in os.listdir("/tmp/x") if fnmatch.fnmatch(name, event["pattern"])]  # finding
        """,
    )
    compliant = (
        """
        import glob
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/files")
        def files():
            name = glob.escape(request.args["name"])
            return {"files": glob.glob(f"/srv/files/{name}.*")}
        """,
        """
        import glob

        def lambda_handler(event, context):
            return [name for name in glob.glob("/tmp/x/*.txt") if name == event["name"]]
        """,
    )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        if not node.args:
            return None
        repair.add_import("glob")
        return escaped(node, node.args[0], "glob.escape")
