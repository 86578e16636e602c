"""Every origin let in."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import keyword, texts
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Finding, Rule, Severity

SETTINGS = ("CORS_ORIGIN_ALLOW_ALL", "CORS_ALLOW_ALL_ORIGINS")


class InsecureCors(Rule):
    """Every web page may read what this service answers.

    With `*` as the allowed origin a page anywhere can ask in its visitor's name and read the answer, if that needs no more than
    being reachable from the visitor's browser; with credentials it acts as the visitor.

    Name the origins that are meant.
    """

    severity = Severity.MEDIUM
    cwe = (942, 346)
    aliases = ("python/insecure-cors-policy@v1.0",)
    triggers = (
        "CORS",
        "cross_origin",
        "CORSMiddleware",
        "Access-Control-Allow-Origin",
        "access-control-allow-origin",
        "CORS_ORIGIN_ALLOW_ALL",
        "CORS_ALLOW_ALL_ORIGINS",
    )
    noncompliant = (
        """
        from flask import Flask
        from flask_cors import CORS

        app = Flask(__name__)
        CORS(app, resources={r"/*": {"origins": "*"}})  # finding
        """,
        """
        from fastapi import FastAPI
        from fastapi.middleware.cors import CORSMiddleware

        app = FastAPI()
        app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_credentials=True)  # finding
        """,
        """
        from flask import Flask, make_response

        app = Flask(__name__)

        @app.after_request
        def share(response):
            response.headers["Access-Control-Allow-Origin"] = "*"  # finding
            return response
        """,
        """
        CORS_ORIGIN_ALLOW_ALL = True  # finding
        """,
    )
    compliant = (
        """
        from flask import Flask
        from flask_cors import CORS

        app = Flask(__name__)
        CORS(app, origins=["https://www.example.org"])
        """,
        """
        from fastapi import FastAPI
        from fastapi.middleware.cors import CORSMiddleware

        app = FastAPI()
        app.add_middleware(CORSMiddleware, allow_origins=["https://example.org"], allow_methods=["*"], allow_headers=["*"])
        """,
        """
        CORS_ALLOWED_ORIGINS = ["https://example.org"]
        CORS_ORIGIN_ALLOW_ALL = False
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        message = "Any web page may read these answers. Name the origins that are meant."
        for call in [
            *module.calls("flask_cors.CORS", "flask_cors.cross_origin", "aiohttp_cors.setup"),
            *module.method_calls("add_middleware"),
        ]:
            if self._allows_all(module, call):
                yield self.finding(module, call, message)
        for node in module.nodes(ast.Assign):
            for target in node.targets:
                key = target.slice if isinstance(target, ast.Subscript) else None
                header = str(module.constant(key, "")).lower() if key is not None else ""
                if header == "access-control-allow-origin" and module.constant(node.value) == "*":
                    yield self.finding(module, node, message)
                if (
                    isinstance(target, ast.Name)
                    and target.id in SETTINGS
                    and module.constant(node.value) is True
                ):
                    yield self.finding(module, node, message)
        for call in module.method_calls(
            "add_header", "set_header", "send_header", "add", "set", "setdefault"
        ):
            if (
                len(call.args) == 2
                and str(module.constant(call.args[0], "")).lower() == "access-control-allow-origin"
            ):
                if module.constant(call.args[1]) == "*":
                    yield self.finding(module, call, message)
        for display in module.nodes(ast.Dict):
            for key, value in zip(display.keys, display.values, strict=True):
                if (
                    str(module.constant(key, "")).lower() == "access-control-allow-origin"
                    and module.constant(value) == "*"
                ):
                    yield self.finding(module, value, message)

    def _allows_all(self, module: Module, call: ast.Call) -> bool:
        origins = keyword(call, "origins", "allow_origins", "allow_origin_regex", "resources")
        if origins is None:
            name = module.qualified_name(call.func) or ""
            return name == "flask_cors.CORS" and len(call.args) == 1 and not call.keywords
        wild = [
            n
            for n in ast.walk(module.value_of(origins))
            if isinstance(n, ast.Constant) and n.value in ("*", ".*")
        ]
        parents = [module.parent(n) for n in wild]
        if keyword(call, "resources") is origins:
            return any(
                isinstance(n, ast.Dict)
                and any(
                    module.constant(k) == "origins" and "*" in texts(module, v)
                    for k, v in zip(n.keys, n.values, strict=True)
                )
                for n in ast.walk(module.value_of(origins))
            )
        return bool(parents)
