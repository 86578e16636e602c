"""Outsiders' values as templates."""

from __future__ import annotations

from kibitz_reviewer.rule import Severity
from kibitz_reviewer.rule_flow import FlowRule


class TemplateInjection(FlowRule):
    """Template is made from a value that an outsider controls.

    A template is a program: expressions in it reach objects of the server and from there the whole process.

    Keep templates in files, and hand values to them as variables.
    """

    severity = Severity.HIGH
    cwe = (94, 1336)
    aliases = ()
    triggers = ("render_template_string", "Template", "from_string", "template", "SimpleTemplate")
    kinds = ("template",)
    advice = "Keep the template fixed and hand the value to it as a variable."
    noncompliant = (
        """
        from flask import Flask, render_template_string, request

        app = Flask(__name__)

        @app.route("/hello")
        def hello():
            page = "<h1>Hello " + request.args["name"] + "</h1>"
            return render_template_string(page)  # finding
        """,
        """
        from jinja2 import Template

        def lambda_handler(event, context):
            return Template(event["body"]).render(user="x")  # finding
        """,
    )
    compliant = (
        """
        from flask import Flask, render_template_string, request

        app = Flask(__name__)

        @app.route("/hello")
        def hello():
            return render_template_string("<h1>Hello {{ name }}</h1>", name=request.args["name"])
        """,
        """
        from jinja2 import Template

        GREETING = Template("Dear {{ name }}")

        def lambda_handler(event, context):
            return GREETING.render(name=event["name"])
        """,
    )
