"""Requests to where outsiders say."""

from __future__ import annotations

from kibitz_reviewer.rule import Severity
from kibitz_reviewer.rule_flow import FlowRule


class ServerSideRequestForgery(FlowRule):
    """Request goes to an address that an outsider controls.

    The server stands inside the network: through it the outsider reaches services that are not open to the world, such as the
    metadata address of a cloud machine with its credentials.

    Keep the host fixed in the source, or check it against a fixed list before the request.
    """

    severity = Severity.HIGH
    cwe = (918,)
    aliases = ("python/server-side-request-forgery@v1.0",)
    triggers = (
        "get",
        "post",
        "put",
        "patch",
        "delete",
        "head",
        "request",
        "urlopen",
        "urlretrieve",
        "Request",
        "HTTPConnection",
        "HTTPSConnection",
        "fetch",
        "create_connection",
        "connect",
        "download",
        "FTP",
    )
    kinds = ("ssrf",)
    advice = "Keep the host fixed, or check it against a fixed list."
    noncompliant = (
        """
        import requests
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/fetch")
        def fetch():
            answer = requests.get(request.args["url"], timeout=5)  # finding
            return {"size": len(answer.content)}
        """,
        """
        from urllib.request import urlopen

        def lambda_handler(event, context):
            address = "https://" + event["host"] + "/status"
            return urlopen(address, timeout=5).read()  # finding
        """,
    )
    compliant = (
        """
        import requests
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/fetch")
        def fetch():
            answer = requests.get("https://api.example.org/items/" + request.args["id"], timeout=5)
            return {"size": len(answer.content)}
        """,
        """
        from urllib.parse import urlparse
        import requests

        ALLOWED = frozenset({"a.example.org", "b.example.org"})

        def lambda_handler(event, context):
            url = event["url"]
            if urlparse(url).hostname not in ALLOWED:
                raise ValueError("host not allowed")
            return requests.get(url, timeout=5).text
        """,
        """
        import requests
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/search")
        def search():
            return requests.get("https://api.example.org/search", params={"q": request.args["q"]}, timeout=5).json()
        """,
    )
