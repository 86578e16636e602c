"""Views that ask nobody who they are."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import keyword, method, texts
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.names import FUNCTIONS
from kibitz_reviewer.rule import Confidence, Finding, Rule, Severity

VERBS = ("route", "get", "post", "put", "patch", "delete", "api_route")
GUARD = re.compile(
    r"(?i)login|logged|auth|permission|current_user|role|session|token|abort\(40[13]|jwt|is_admin|require|Depends|Security|credential|signature|hmac|api_?key|forbidden|password|csrf|csrf_protect"
)
APP_GUARD = re.compile(r"before_request|dependencies\s*=|add_middleware|permission_classes|LoginRequired")


class MissingAuthorization(Rule):
    """View that changes or shows something of a person asks for nobody's identity.

    Whoever knows the address may call it: other people's data is read, changed or deleted.

    Require a login (`@login_required`), and check that this person may do this to that object.
    """

    severity = Severity.HIGH
    confidence = Confidence.MEDIUM
    cwe = (862, 306)
    aliases = ("python/missing-authorization@v1.0",)
    triggers = ("route", "delete", "post", "put")
    noncompliant = (
        """
        from flask import Flask, request
        from flask_login import login_required

        app = Flask(__name__)

        @app.route("/admin/users/delete", methods=["POST"])
        def delete_user():  # finding
            db.delete(request.form["id"])
            return "deleted"

        @app.route("/admin/users")
        @login_required
        def users():
            return db.users()
        """,
    )
    compliant = (
        """
        from flask import Flask, request
        from flask_login import login_required

        app = Flask(__name__)

        @app.route("/admin/users/delete", methods=["POST"])
        @login_required
        def delete_user():
            db.delete(request.form["id"])
            return "deleted"
        """,
        """
        from flask import Flask, abort, request, session

        app = Flask(__name__)

        @app.route("/admin/users/delete", methods=["POST"])
        def delete_user():
            if session.get("role") != "admin":
                abort(403)
            db.delete(request.form["id"])
            return "deleted"
        """,
        """
        from flask import Flask

        app = Flask(__name__)

        @app.route("/about")
        def about():
            return "about us"
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for function in module.nodes(*FUNCTIONS):
            routes = [
                d
                for d in function.decorator_list
                if isinstance(d, ast.Call) and method(d) in VERBS and d.args
            ]
            if not routes or not self._is_sensitive(module, function, routes):
                continue
            text = ast.unparse(function)
            if not GUARD.search(text) and not APP_GUARD.search(module.source):
                yield self.finding(
                    module,
                    function,
                    "Anybody may call this view. Require a login, and check what this person may do.",
                )

    def _is_sensitive(self, module: Module, function: ast.AST, routes: list[ast.Call]) -> bool:
        paths = [str(module.constant(route.args[0], "")) for route in routes]
        methods = {m.upper() for route in routes for m in texts(module, keyword(route, "methods"))} | {
            method(r).upper() for r in routes
        }
        if any(re.search(r"(?i)/admin\b", path) for path in paths):
            return True
        return bool(methods & {"DELETE"}) or (
            bool(methods & {"POST", "PUT", "PATCH"})
            and any(
                re.search(r"(?i)delete|remove|transfer|password|role|permission|/users?/<|grant|promote", p)
                for p in paths
            )
        )
