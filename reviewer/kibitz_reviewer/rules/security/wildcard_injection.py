"""Outsiders' values as file patterns."""

from __future__ import annotations

from kibitz_reviewer.rule import Severity
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
