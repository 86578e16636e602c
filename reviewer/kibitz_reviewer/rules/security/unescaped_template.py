"""Pages that take what they are filled with as it is."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import is_false, is_open, keyword
from kibitz_reviewer.engines.edits import with_keyword
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Confidence, Finding, Rule, Severity

ENVIRONMENTS = ("jinja2.Environment", "jinja2.environment.Environment", "jinja2.sandbox.SandboxedEnvironment")
WEB = frozenset({"flask", "django", "fastapi", "starlette", "aiohttp", "tornado", "sanic", "bottle", "quart"})


class UnescapedTemplate(Rule):
    """Jinja environment fills values into its pages without escaping them.

    Jinja escapes nothing unless it is told to: a value with `<script>` in it runs in the reader's browser.

    Pass `autoescape=select_autoescape()`, which escapes in HTML and XML and leaves other templates alone.
    """

    severity = Severity.HIGH
    confidence = Confidence.MEDIUM
    cwe = (79, 116)
    aliases = ("python/cross-site-scripting@v1.0",)
    triggers = ("jinja2",)
    fix = Applicability.SUGGESTED
    fix_title = "Escape in HTML and XML"
    noncompliant = (
        """
        from jinja2 import Environment, FileSystemLoader

        pages = Environment(loader=FileSystemLoader("pages"), autoescape=False)  # finding
        """,
        """
        import jinja2
        from aiohttp import web

        pages = jinja2.Environment(loader=jinja2.PackageLoader("shop"))  # finding
        """,
    )
    compliant = (
        """
        from jinja2 import Environment, FileSystemLoader, select_autoescape

        pages = Environment(loader=FileSystemLoader("pages"), autoescape=select_autoescape())
        """,
        """
        import jinja2

        # Makes source code, not pages.
        code = jinja2.Environment(loader=jinja2.PackageLoader("generator"))
        """,
        """
        import jinja2
        from flask import Flask

        def environment(**options):
            return jinja2.Environment(**options), jinja2.Environment(autoescape=True)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        is_web = bool(module.imported & WEB)
        for call in module.calls(*ENVIRONMENTS):
            given = keyword(call, "autoescape")
            if is_open(call) or (given is None and not (is_web or _fills_html(module))):
                continue
            if given is None or is_false(module, given):
                message = "Nothing is escaped in these pages. Pass `autoescape=select_autoescape()`."
                yield self.finding(module, call, message)

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        repair.add_import("jinja2", "select_autoescape")
        return with_keyword(node, "autoescape", "select_autoescape()")


def _fills_html(module: Module) -> bool:
    """Whether the file names a template of a page."""
    around = module.nodes(ast.Constant)
    return any(isinstance(n.value, str) and n.value.endswith((".html", ".htm", ".xhtml")) for n in around)
