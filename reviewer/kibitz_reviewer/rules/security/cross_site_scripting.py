"""Outsiders' values in pages."""

from __future__ import annotations

from kibitz_reviewer.engines.escape_fix import escaped, with_escapes
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Severity
from kibitz_reviewer.rule_flow import FlowRule


class CrossSiteScripting(FlowRule):
    """Page holds a value that an outsider controls, and nothing escapes it.

    The value can bring a script that runs in the browser of whoever sees the page, with that person's session.

    Let a template with autoescaping fill it in, or pass it through `html.escape`; answer with JSON where no page is meant.
    """

    severity = Severity.HIGH
    cwe = (79, 80, 20)
    aliases = ("python/cross-site-scripting@v1.0",)
    triggers = (
        "request",
        "event",
        "Markup",
        "mark_safe",
        "HttpResponse",
        "HTMLResponse",
        "make_response",
        "Response",
        "route",
        "write",
    )
    kinds = ("xss",)
    advice = "Let an autoescaping template fill it in, or escape it with `html.escape`."
    fix = Applicability.SUGGESTED
    fix_title = "Escape what is filled in"
    noncompliant = (
        """
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/hello")
        def hello():
            return f"<h1>Hello {request.args['name']}</h1>"  # finding
        """,
        """
        from django.http import HttpResponse
        from django.utils.safestring import mark_safe

        def search(request):
            term = request.GET.get("q", "")
            title = mark_safe("<b>" + term + "</b>")  # finding
            return HttpResponse("Results for " + term)  # finding
        """,
    )
    compliant = (
        """
        import html
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/hello")
        def hello():
            return f"<h1>Hello {html.escape(request.args['name'])}</h1>"
        """,
        """
        from flask import Flask, jsonify, render_template, request

        app = Flask(__name__)

        @app.route("/hello")
        def hello():
            if request.args.get("json"):
                return jsonify(name=request.args["name"])
            return render_template("hello.html", name=request.args["name"])
        """,
        """
        from django.http import HttpResponse, JsonResponse

        def search(request):
            if request.GET.get("plain"):
                return HttpResponse(request.GET["q"], content_type="text/plain")
            return JsonResponse({"term": request.GET["q"]})
        """,
    )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        repair.add_import("html")
        if isinstance(node, cst.Call) and node.args:
            return escaped(node, node.args[0], "html.escape")
        if isinstance(node, cst.Return) and node.value is not None:
            return with_escapes(node, node.value, "html.escape")
        return with_escapes(node, node, "html.escape") if isinstance(node, cst.BaseExpression) else None
