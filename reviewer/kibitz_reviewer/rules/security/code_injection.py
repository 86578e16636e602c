"""Outsiders' values run as code."""

from __future__ import annotations

from kibitz_reviewer.engines.edits import calling
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Severity
from kibitz_reviewer.rule_flow import FlowRule


class CodeInjection(FlowRule):
    """Value that an outsider controls is run as Python code.

    Whoever sends it runs what they like with the rights of the program; no filter over the text of a program is tight.

    Read data as data (`json.loads`, `ast.literal_eval`), and choose functions from a table by name.
    """

    severity = Severity.CRITICAL
    cwe = (94, 95)
    aliases = ("python/code-injection@v1.0",)
    triggers = (
        "eval",
        "exec",
        "compile",
        "runsource",
        "runcode",
        "timeit",
        "run_path",
        "FunctionType",
        "evaluate",
    )
    kinds = ("code",)
    supersedes = ("dynamic-code",)
    advice = "Read data as data, for instance with `json.loads`, and choose functions from a table."
    fix = Applicability.SUGGESTED
    fix_title = "Read a literal, run nothing"
    noncompliant = (
        """
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/sum")
        def calculate():
            return str(eval(request.args["formula"]))  # finding
        """,
        """
        def lambda_handler(event, context):
            script = event.get("script", "")
            scope = {}
            exec(script, scope)  # finding
            return scope.get("result")
        """,
    )
    compliant = (
        """
        import ast
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/sum")
        def calculate():
            return str(sum(ast.literal_eval(request.args["numbers"])))
        """,
        """
        from flask import Flask, request

        app = Flask(__name__)
        OPERATIONS = {"min": min, "max": max}

        @app.route("/apply")
        def apply():
            operation = OPERATIONS[request.args["operation"]]
            return str(operation(1, 2))
        """,
        """
        def lambda_handler(event, context):
            mode = "1 + 1"
            if event.get("mode"):
                mode = "2 + 2"
            return eval(mode)
        """,
    )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        if not isinstance(node.func, cst.Name) or node.func.value != "eval" or len(node.args) != 1:
            return None
        repair.add_import("ast")
        return calling(node, "ast.literal_eval")
