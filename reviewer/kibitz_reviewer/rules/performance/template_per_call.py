"""Templates compiled again and again."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.loops import is_handler, repeats
from kibitz_reviewer.engines.text import text_of
from kibitz_reviewer.rule import Confidence, Finding, Rule, Severity


class TemplatePerCall(Rule):
    """Template is compiled for every call instead of once.

    To compile a template takes far longer than to fill it in, and an environment's cache is lost with it.

    Make the environment and its templates at module level, or let a loader with its cache find them.
    """

    severity = Severity.MEDIUM
    confidence = Confidence.MEDIUM
    triggers = ("Template", "Environment")
    noncompliant = (
        """
        import jinja2

        def greet(names):
            for name in names:
                print(jinja2.Template("Hello {{ name }}").render(name=name))  # finding
        """,
        """
        from flask import Flask
        from jinja2 import Environment, FileSystemLoader

        app = Flask(__name__)

        @app.route("/report")
        def report():
            environment = Environment(loader=FileSystemLoader("pages"), autoescape=True)  # finding
            return environment.get_template("report.html").render()
        """,
    )
    compliant = (
        """
        import jinja2

        GREETING = jinja2.Template("Hello {{ name }}")

        def greet(names):
            for name in names:
                print(GREETING.render(name=name))
        """,
        """
        import jinja2

        def compiled(texts):
            return {name: jinja2.Template(text) for name, text in texts.items()}
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls(*MAKERS):
            around = module.enclosing_function(call)
            values = [*call.args, *(k.value for k in call.keywords)]
            if not all(
                text_of(module, value).is_constant for value in values if not isinstance(value, ast.Call)
            ):
                continue
            if repeats(module, call) or (around is not None and is_handler(module, around)):
                yield self.finding(
                    module, call, "It is compiled for every call. Make it once, at module level."
                )


MAKERS = (
    "jinja2.Template",
    "jinja2.Environment",
    "mako.template.Template",
    "django.template.Template",
    "string.Template",
)
