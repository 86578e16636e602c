"""Outsiders' values in headers."""

from __future__ import annotations

from kibitz_reviewer.rule import Severity
from kibitz_reviewer.rule_flow import FlowRule


class HeaderInjection(FlowRule):
    """Header of an answer holds a value that an outsider controls.

    With a line break in it the value adds headers of its own, or a body; even without, it sets cookies or origins the program
    never meant.

    Take line breaks out, or choose the value from a fixed set.
    """

    severity = Severity.MEDIUM
    cwe = (113, 93)
    aliases = ()
    triggers = ("headers", "send_header", "putheader", "add", "set")
    kinds = ("header",)
    advice = "Take line breaks out of it, or choose it from a fixed set."
    noncompliant = (
        """
        from flask import Flask, make_response, request

        app = Flask(__name__)

        @app.route("/file")
        def file():
            response = make_response("content")
            response.headers["X-Name"] = request.args["name"]  # finding
            return response
        """,
        """
        from http.server import BaseHTTPRequestHandler

        class Echo(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("X-Agent", self.headers["User-Agent"])  # finding
                self.end_headers()
        """,
    )
    compliant = (
        """
        from flask import Flask, make_response, request

        app = Flask(__name__)

        @app.route("/file")
        def file():
            response = make_response("content")
            response.headers["X-Name"] = request.args["name"].replace("\\n", "").replace("\\r", "")
            return response
        """,
        """
        import requests
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/proxy")
        def proxy():
            headers = {}
            headers["X-User"] = request.args["user"]
            return requests.get("https://api.example.org/", headers=headers, timeout=5).json()
        """,
    )
