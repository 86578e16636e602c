"""A debugger open to the world."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity


class DebugMode(Rule):
    """Flask application is started with its debugger on.

    The debugger shows source and variables to anyone who meets an error, and offers a console in which they can run code.

    Leave `debug` out; during development turn it on from outside, with `flask --debug run`.
    """

    severity = Severity.HIGH
    cwe = (489, 94)
    aliases = ("python/detect-activated-debug-feature@v1.0",)
    triggers = ("flask", "debug", "DEBUG")
    fix = Applicability.SAFE
    fix_title = "Leave debug off"
    noncompliant = (
        """
        from flask import Flask

        app = Flask(__name__)
        app.debug = True  # finding
        """,
        """
        from flask import Flask

        app = Flask(__name__)

        if __name__ == "__main__":
            app.run(host="127.0.0.1", debug=True)  # finding
        """,
        """
        import flask

        def main():
            app = flask.Flask("shop")
            app.run("127.0.0.1", 8000, True)  # finding
        """,
    )
    compliant = (
        """
        from flask import Flask

        app = Flask(__name__)
        app.testing = True
        app.config["DEBUG"] = False
        """,
        """
        import os
        from flask import Flask

        app = Flask(__name__)
        app.run(debug=os.environ.get("DEBUG") == "1")
        """,
        """
        import asyncio

        async def main():
            pass

        asyncio.run(main(), debug=True)
        """,
        """
        from flask import Flask

        app = Flask(__name__)
        app.run(debug=False)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in self._runs(module):
            debug = next(
                (k.value for k in call.keywords if k.arg == "debug"),
                call.args[2] if len(call.args) > 2 else None,
            )
            if module.constant(debug) is True:
                message = "The debugger lets anyone who meets an error run code. Leave `debug` out."
                yield self.finding(module, call, message)

        for call in module.calls(
            "fastapi.FastAPI", "starlette.applications.Starlette", "sanic.Sanic().run", "bottle.run"
        ):
            if any(k.arg == "debug" and module.constant(k.value) is True for k in call.keywords):
                yield self.finding(
                    module, call, "Errors are shown to visitors with all their details. Leave `debug` out."
                )
        for assign in module.nodes(ast.Assign):
            for target in assign.targets:
                name = module.qualified_name(target) or (target.id if isinstance(target, ast.Name) else "")
                is_app = name.startswith("flask.Flask()") and name.endswith((".debug", ".config[]"))
                key = module.constant(target.slice) if isinstance(target, ast.Subscript) else "DEBUG"
                is_setting = name == "DEBUG" and "INSTALLED_APPS" in module.words
                if ((is_app and key == "DEBUG") or is_setting) and module.constant(assign.value) is True:
                    message = "The debugger lets anyone who meets an error run code. Leave it off."
                    yield self.finding(module, assign, message)

    def _runs(self, module: Module) -> Iterator[ast.Call]:
        """Calls of ``run`` of what is a Flask application, or is called one where the file does not show it."""
        for call in module.method_calls("run"):
            owner = call.func.value if isinstance(call.func, ast.Attribute) else None
            name = module.qualified_name(owner) or ""
            if name.startswith("flask.Flask()") or name == "flask.Flask()":
                yield call
            elif name.partition(".")[0] in sys.stdlib_module_names or name.startswith(
                ("uvicorn", "bottle", "sanic")
            ):
                continue
            elif re.search(r"(?i)app(?:lication)?(?:\(.*\))?$", ast.unparse(owner) if owner else "") and (
                "flask" in module.imported or name.endswith((".app", "create_app()"))
            ):
                yield call

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        kept = [
            argument for argument in node.args if not (argument.keyword and argument.keyword.value == "debug")
        ]
        if len(kept) == len(node.args):
            return None
        if kept:
            kept[-1] = kept[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
        return node.with_changes(args=kept)
