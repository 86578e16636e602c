"""Outsiders' values in logs."""

from __future__ import annotations

from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Confidence, Severity
from kibitz_reviewer.rule_flow import FlowRule


class LogInjection(FlowRule):
    """Log message holds a value that an outsider controls.

    With a line break in it the value writes log lines of its own, which hide what happened or feed whatever reads the log.

    Take line breaks out first, or log `repr(value)`.
    """

    severity = Severity.HIGH
    confidence = Confidence.MEDIUM
    cwe = (117, 93)
    aliases = ("python/log-injection@v1.0",)
    triggers = ("info", "debug", "warning", "error", "critical", "exception", "log", "warn")
    kinds = ("log",)
    advice = "Take line breaks out of it, or log its `repr`."
    fix = Applicability.SUGGESTED
    fix_title = "Write line ends as escapes"
    noncompliant = (
        """
        import logging
        from flask import Flask, request

        app = Flask(__name__)
        logger = logging.getLogger(__name__)

        @app.route("/login")
        def login():
            user = request.form["user"]
            logger.info("login of %s", user)  # finding
            return "ok"
        """,
        """
        import logging

        def lambda_handler(event, context):
            name = event["name"]
            logging.warning("unknown name " + name)  # finding
        """,
    )
    compliant = (
        """
        import logging
        from flask import Flask, request

        app = Flask(__name__)
        logger = logging.getLogger(__name__)

        @app.route("/login")
        def login():
            user = request.form["user"].replace("\\n", "").replace("\\r", "")
            logger.info("login of %s", user)
            return "ok"
        """,
        """
        import logging

        def lambda_handler(event, context):
            logging.info("order %d with %s items", int(event["id"]), len(event["items"]))
        """,
    )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        first = node.args[0].value if node.args else None
        if isinstance(first, cst.FormattedString):
            parts = [
                part.with_changes(conversion="r")
                if isinstance(part, cst.FormattedStringExpression)
                and part.conversion is None
                and part.format_spec is None
                else part
                for part in first.parts
            ]
            return node.with_deep_changes(first, parts=parts)
        if isinstance(first, cst.SimpleString) and "%s" in first.value:
            return node.with_deep_changes(first, value=first.value.replace("%s", "%r"))
        return None
