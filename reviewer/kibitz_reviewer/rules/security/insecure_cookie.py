"""Cookies without their guards."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import is_false, is_open, keyword
from kibitz_reviewer.engines.edits import with_keyword
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity

SETTING = re.compile(r"(?:SESSION|CSRF|REMEMBER|LANGUAGE)_COOKIE_(?:SECURE|HTTPONLY)")


class InsecureCookie(Rule):
    """Cookie is set without what keeps it from being read by others.

    Without `secure` it also travels unencrypted, without `httponly` any script of the page reads it: either way a session is lost.

    Set `secure=True, httponly=True` and a `samesite`.
    """

    severity = Severity.HIGH
    cwe = (614, 1004, 311, 312)
    aliases = ("python/insecure-cookie@v1.0",)
    triggers = (
        "set_cookie",
        "set_signed_cookie",
        "set_secure_cookie",
        "SESSION_COOKIE_SECURE",
        "SESSION_COOKIE_HTTPONLY",
        "CSRF_COOKIE_SECURE",
        "REMEMBER_COOKIE_SECURE",
        "REMEMBER_COOKIE_HTTPONLY",
        "LANGUAGE_COOKIE_SECURE",
    )
    fix = Applicability.SUGGESTED
    fix_title = "Keep it from scripts and from the clear"
    noncompliant = (
        """
        from flask import Flask, make_response

        app = Flask(__name__)

        @app.route("/login")
        def login():
            response = make_response("welcome")
            response.set_cookie("session", "abc", secure=False, httponly=True)  # finding
            return response
        """,
        """
        from django.http import HttpResponse

        def login(request):
            response = HttpResponse("welcome")
            response.set_cookie("theme", "dark")  # finding
            return response
        """,
        """
        SESSION_COOKIE_SECURE = False  # finding
        """,
    )
    compliant = (
        """
        from flask import Flask, make_response

        app = Flask(__name__)

        @app.route("/login")
        def login():
            response = make_response("welcome")
            response.set_cookie("session", "abc", secure=True, httponly=True, samesite="Lax")
            return response
        """,
        """
        def login(response, options):
            response.set_cookie("session", "abc", **options)
            response.delete_cookie("old")
        """,
        """
        from http.cookiejar import CookieJar

        def remember(jar: CookieJar, cookies):
            for cookie in cookies:
                jar.set_cookie(cookie)
        """,
        """
        SESSION_COOKIE_SECURE = True
        SESSION_COOKIE_HTTPONLY = True
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.method_calls("set_cookie", "set_signed_cookie", "set_secure_cookie"):
            if is_open(call) or len(call.args) > 5 or _is_jar(call):
                continue
            missing = [name for name in ("secure", "httponly") if not self._is_set(module, call, name)]
            if missing:
                wanted = ", ".join(f"{name}=True" for name in missing)
                yield self.finding(module, call, f"Others can read this cookie. Set it with `{wanted}`.")
        for setting in module.nodes(ast.Assign):
            for name, value in _settings(setting):
                if SETTING.fullmatch(name) and module.constant(value, True) is False:
                    yield self.finding(
                        module, setting, f"Others can read cookies of this application. Set `{name}` to True."
                    )

        for call in module.method_calls("update", "from_mapping"):
            wrong = [
                k.arg
                for k in call.keywords
                if k.arg and SETTING.fullmatch(k.arg) and is_false(module, k.value)
            ]
            if wrong:
                yield self.finding(
                    module, call, f"Others can read cookies of this application. Set `{wrong[0]}` to True."
                )

    def _is_set(self, module: Module, call: ast.Call, name: str) -> bool:
        value = keyword(call, name)
        return value is not None and not is_false(module, value)

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        if not isinstance(node.func, cst.Attribute) or node.func.attr.value not in (
            "set_cookie",
            "set_signed_cookie",
        ):
            return None
        for name in ("secure", "httponly"):
            node = with_keyword(node, name, "True")
        has_site = any(arg.keyword is not None and arg.keyword.value == "samesite" for arg in node.args)
        return node if has_site else with_keyword(node, "samesite", '"Lax"')


def _is_jar(call: ast.Call) -> bool:
    """Whether this hands over a whole cookie, as one does to a jar; a response is told a name and a value."""
    given = [*call.args, *(k.value for k in call.keywords)]
    return len(given) <= 1 and not any(isinstance(each, ast.Constant) for each in given)


def _settings(statement: ast.Assign) -> Iterator[tuple[str, ast.expr]]:
    """(name, value) of ``NAME = value`` and ``app.config["NAME"] = value``."""
    for target in statement.targets:
        if isinstance(target, ast.Name):
            yield target.id, statement.value
        elif isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
            yield str(target.slice.value), statement.value
