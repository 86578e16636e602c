"""Outsiders' values kept among trusted ones."""

from __future__ import annotations

from kibitz_reviewer.rule import Severity
from kibitz_reviewer.rule_flow import FlowRule


class TrustBoundary(FlowRule):
    """Value that an outsider controls goes into the session unchecked.

    Later code reads the session as something the program itself has established, and trusts what was never checked.

    Check the value against what is allowed before it is stored, or keep such values apart.
    """

    severity = Severity.MEDIUM
    cwe = (501,)
    aliases = ()
    triggers = ("session",)
    kinds = ("trust",)
    advice = "Check it before it is stored where later code trusts it."
    noncompliant = (
        """
        from flask import Flask, request, session

        app = Flask(__name__)

        @app.route("/start")
        def start():
            session["role"] = request.form["role"]  # finding
            return "ok"
        """,
        """
        def choose(request):
            name = request.POST["name"]
            request.session[name] = "10340"  # finding
        """,
    )
    compliant = (
        """
        from flask import Flask, request, session

        app = Flask(__name__)

        @app.route("/start")
        def start():
            role = request.form["role"]
            if role not in ("reader", "writer"):
                return "unknown role", 400
            session["role"] = role
            return "ok"
        """,
        """
        from flask import Flask, request, session

        app = Flask(__name__)

        @app.route("/start")
        def start():
            session["count"] = int(request.form["count"])
            return "ok"
        """,
    )
