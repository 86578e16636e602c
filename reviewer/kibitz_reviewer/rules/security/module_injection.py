"""Outsiders' values as module names."""

from __future__ import annotations

from kibitz_reviewer.rule import Severity
from kibitz_reviewer.rule_flow import FlowRule


class ModuleInjection(FlowRule):
    """Module to import is named by a value that an outsider controls.

    Importing runs the module's code; among all that is installed there is always one that does something useful to an attacker.

    Choose from a table of the modules that are meant.
    """

    severity = Severity.HIGH
    cwe = (706, 829)
    aliases = ("python/module-injection@v1.0",)
    triggers = ("import_module", "__import__", "import_string", "run_module", "find_spec", "load_source")
    kinds = ("module",)
    advice = "Choose from a table of the modules that are meant."
    noncompliant = (
        """
        import importlib
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/plugin")
        def plugin():
            module = importlib.import_module("plugins." + request.args["name"])  # finding
            return module.answer()
        """,
        """
        def lambda_handler(event, context):
            return __import__(event["module"]).handle(event)  # finding
        """,
    )
    compliant = (
        """
        import importlib
        from flask import Flask, request

        app = Flask(__name__)
        PLUGINS = {"csv": "plugins.csv", "pdf": "plugins.pdf"}

        @app.route("/plugin")
        def plugin():
            module = importlib.import_module(PLUGINS[request.args["name"]])
            return module.answer()
        """,
        """
        import importlib

        def lambda_handler(event, context):
            name = event["module"]
            if name not in {"orders", "users"}:
                raise ValueError(name)
            return importlib.import_module(name).handle(event)
        """,
    )
