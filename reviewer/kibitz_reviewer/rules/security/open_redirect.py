"""Redirects to where outsiders say."""

from __future__ import annotations

from kibitz_reviewer.rule import Severity
from kibitz_reviewer.rule_flow import FlowRule


class OpenRedirect(FlowRule):
    """Redirect leads to an address that an outsider controls.

    A link to a trusted site then ends on a page of somebody else's choice, which is what phishing needs.

    Redirect to routes of your own (`url_for`), or check that the address has no host or one of a fixed list.
    """

    severity = Severity.HIGH
    cwe = (601,)
    aliases = ("python/open-redirect@v1.0",)
    triggers = (
        "redirect",
        "HttpResponseRedirect",
        "HttpResponsePermanentRedirect",
        "RedirectResponse",
        "HTTPFound",
        "HTTPSeeOther",
    )
    kinds = ("redirect",)
    advice = "Redirect to a route of your own, or check the host against a fixed list."
    noncompliant = (
        """
        from flask import Flask, redirect, request

        app = Flask(__name__)

        @app.route("/login")
        def login():
            target = request.args.get("next", "/")
            return redirect(target)  # finding
        """,
        """
        from django.http import HttpResponseRedirect

        def leave(request):
            return HttpResponseRedirect(request.GET["to"])  # finding
        """,
    )
    compliant = (
        """
        from flask import Flask, redirect, request, url_for

        app = Flask(__name__)

        @app.route("/login")
        def login():
            return redirect(url_for("home", tab=request.args.get("tab")))
        """,
        """
        from urllib.parse import urlparse
        from flask import Flask, redirect, request

        app = Flask(__name__)
        HOSTS = {"example.org", "www.example.org"}

        @app.route("/login")
        def login():
            target = request.args.get("next", "/")
            if urlparse(target).netloc not in HOSTS:
                return redirect("/")
            return redirect(target)
        """,
        """
        from flask import Flask, redirect, request

        app = Flask(__name__)

        @app.route("/item")
        def item():
            return redirect("/items/" + request.args["id"])
        """,
    )
