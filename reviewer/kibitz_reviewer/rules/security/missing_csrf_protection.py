"""Forms anybody can send."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import is_false, keyword, texts
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.engines.names import FUNCTIONS
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity

SETTINGS = ("WTF_CSRF_ENABLED", "WTF_CSRF_CHECK_DEFAULT")


class MissingCsrfProtection(Rule):
    """Protection against requests forged by other sites is switched off.

    A page elsewhere can then make the browser of someone who is logged in send a form here, with that person's cookies.

    Leave the protection on: `CSRFProtect(app)`, Django's `CsrfViewMiddleware`, no `csrf_exempt` for views that change things.
    """

    severity = Severity.HIGH
    cwe = (352,)
    aliases = ("python/cross-site-request-forgery@v1.0",)
    triggers = (
        "csrf_exempt",
        "WTF_CSRF_ENABLED",
        "WTF_CSRF_CHECK_DEFAULT",
        "MIDDLEWARE",
        "MIDDLEWARE_CLASSES",
        "exempt",
        "WTF_CSRF_METHODS",
        "csrf",
    )
    fix = Applicability.SUGGESTED
    fix_title = "Leave the protection on"
    noncompliant = (
        """
        from flask import Flask

        app = Flask(__name__)
        app.config["WTF_CSRF_ENABLED"] = False  # finding
        """,
        """
        from django.http import JsonResponse
        from django.views.decorators.csrf import csrf_exempt

        @csrf_exempt  # finding
        def transfer(request):
            return JsonResponse({"done": True})
        """,
        """
        MIDDLEWARE = [  # finding
            "django.middleware.security.SecurityMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
        ]
        """,
        """
        from flask_wtf import FlaskForm

        class Transfer(FlaskForm):
            class Meta:
                csrf = False  # finding
        """,
    )
    compliant = (
        """
        from wtforms import Form

        class Search(Form):
            class Options:
                csrf = False
        """,
        """
        from flask import Flask
        from flask_wtf.csrf import CSRFProtect

        app = Flask(__name__)
        app.config["WTF_CSRF_ENABLED"] = True
        CSRFProtect(app)
        """,
        """
        from django.views.decorators.csrf import csrf_protect

        @csrf_protect
        def transfer(request):
            return None
        """,
        """
        MIDDLEWARE = [
            "django.middleware.security.SecurityMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
        ]
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        message = "Other sites can make a visitor's browser send this. Leave the protection against forged requests on."
        for assign in module.nodes(ast.Assign):
            for target in assign.targets:
                name = (
                    target.id
                    if isinstance(target, ast.Name)
                    else str(module.constant(target.slice, ""))
                    if isinstance(target, ast.Subscript)
                    else target.attr
                    if isinstance(target, ast.Attribute)
                    else ""
                )
                if name in SETTINGS and module.constant(assign.value, True) is False and not _is_test(module):
                    yield self.finding(module, assign, message)
                elif name in ("MIDDLEWARE", "MIDDLEWARE_CLASSES"):
                    listed = texts(module, assign.value)
                    if any(t.startswith("django.contrib.sessions") for t in listed) and not any(
                        "csrf" in t.lower() for t in listed
                    ):
                        yield self.finding(module, assign, message)
                elif (
                    name == "csrf"
                    and _is_form_meta(module, assign)
                    and module.constant(assign.value, True) is False
                ):
                    yield self.finding(module, assign, message)
        for call in [*module.method_calls("update", "from_mapping"), *module.nodes(ast.Dict)]:
            if (
                isinstance(call, ast.Call)
                and any(is_false(module, keyword(call, s)) for s in SETTINGS)
                and not _is_test(module)
            ):
                yield self.finding(module, call, message)
        for node in module.nodes(*FUNCTIONS, ast.ClassDef):
            for decorator in node.decorator_list:
                target = (
                    decorator.args[0] if isinstance(decorator, ast.Call) and decorator.args else decorator
                )
                if (module.qualified_name(target) or "").endswith(
                    (".csrf_exempt", "csrf.exempt", "CSRFProtect().exempt", "csrf.csrf_exempt")
                ):
                    yield self.finding(module, decorator, message)
        for call in module.calls("django.views.decorators.csrf.csrf_exempt"):
            if not isinstance(module.parent(call), ast.ClassDef | ast.FunctionDef):
                yield self.finding(module, call, message)

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if isinstance(decorator := repair.parent(node), cst.Decorator):
            repair.replace(decorator, cst.RemoveFromParent())
            return None
        if isinstance(node, cst.Assign) and isinstance(node.value, cst.Name) and node.value.value == "False":
            return node.with_changes(value=cst.Name("True"))
        return None


def _is_form_meta(module: Module, assign: ast.Assign) -> bool:
    """Whether it is a setting of a form: in a class ``Meta`` within a class."""
    around = module.parent(assign)
    return (
        isinstance(around, ast.ClassDef)
        and around.name == "Meta"
        and isinstance(form := module.parent(around), ast.ClassDef)
        and any("Form" in (module.qualified_name(base) or "") for base in form.bases)
    )


def _is_test(module: Module) -> bool:
    """Whether the file belongs to tests, where forms are sent without a browser."""
    return bool(re.search(r"(?:^|/)(?:tests?/|test_|conftest)", module.path))
