"""Input taken as it comes."""

from __future__ import annotations

from kibitz_reviewer.rule import Severity
from kibitz_reviewer.rule_flow import FlowRule


class UnvalidatedInput(FlowRule):
    """Value from outside reaches something sensitive without having been checked.

    It chooses attributes, environment variables or formats of the program: whoever sends it decides what the program does.

    Check it against what is expected before it is used.
    """

    severity = Severity.MEDIUM
    cwe = (20,)
    aliases = ("python/improper-input-validation@v1.0",)
    triggers = ("getattr", "setattr", "delattr", "environ", "format_map")
    kinds = ("reflection", "environment", "format")
    advice = "Check it against what is expected first."
    noncompliant = (
        """
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/show")
        def show():
            field = request.args["field"]
            return {"value": getattr(config, field)}  # finding
        """,
        """
        import os

        def lambda_handler(event, context):
            os.environ["MODE"] = event["mode"]  # finding
        """,
    )
    compliant = (
        """
        from flask import Flask, request

        app = Flask(__name__)
        FIELDS = ("name", "size")

        @app.route("/show")
        def show():
            field = request.args["field"]
            if field not in FIELDS:
                return {"error": "no such field"}, 400
            return {"value": getattr(config, field)}
        """,
        """
        import os

        def lambda_handler(event, context):
            os.environ["MODE"] = str(int(event["mode"]))
            return getattr(context, "name", event["name"])
        """,
    )
