"""Exceptions shown to outsiders."""

from __future__ import annotations

from kibitz_reviewer.rule import Severity
from kibitz_reviewer.rule_flow import FlowRule


class StackTraceExposure(FlowRule):
    """Answer shows an exception, or its stack, to whoever asked.

    Messages and stacks name files, statements and versions: a plan of the inside for whoever attacks next.

    Log the exception, and answer with a message of your own.
    """

    severity = Severity.INFO
    cwe = (209,)
    aliases = ("python/stack-trace-exposure@v1.0",)
    triggers = ("except",)
    kinds = ("exposure",)
    advice = "Log it, and answer with a message of your own."
    noncompliant = (
        """
        from flask import Flask

        app = Flask(__name__)

        @app.route("/total")
        def total():
            try:
                return {"total": compute()}
            except Exception as error:
                return {"error": str(error)}, 500  # finding
        """,
        """
        import traceback
        from flask import Flask

        app = Flask(__name__)

        @app.route("/total")
        def total():
            try:
                return {"total": compute()}
            except ValueError:
                return traceback.format_exc(), 500  # finding
        """,
    )
    compliant = (
        """
        import logging
        from flask import Flask

        app = Flask(__name__)

        @app.route("/total")
        def total():
            try:
                return {"total": compute()}
            except Exception as error:
                logging.exception("no total: %s", error)
                return {"error": "the total cannot be computed"}, 500
        """,
        """
        def compute(parts):
            try:
                return sum(parts)
            except TypeError as error:
                return str(error)
        """,
    )
