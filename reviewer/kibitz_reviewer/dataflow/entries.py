"""Entries: the functions of a file that the outside calls, or in which something comes in from there."""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kibitz_reviewer.dataflow.models import Models
from kibitz_reviewer.dataflow.program import LettingIn, Workspace
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.loops import is_lambda_handler
from kibitz_reviewer.engines.names import FUNCTIONS, Function, imports_of

VERBS = frozenset(
    {"get", "post", "put", "patch", "delete", "head", "options", "route", "api_route", "websocket"}
)
FLASK = frozenset({"flask", "quart", "bottle", "sanic", "apiflask", "flask_restful", "flask_restx"})
FASTAPI = frozenset({"fastapi", "litestar"})
WEB = FLASK | FASTAPI | {"django", "aiohttp", "tornado", "starlette", "rest_framework", "click", "typer"}
REQUESTS = frozenset({"Request", "HttpRequest", "WebSocket", "HTTPConnection", "HTTPRequest"})
#: Methods of builtin values: a call of one says nothing about whose it is.
COMMON = frozenset(
    name for kind in (str, bytes, list, dict, set, io.IOBase, io.TextIOWrapper) for name in dir(kind)
)
_HANDLER_NAME = re.compile(r"(?:^|_)handler$|^handler|^lambda_")


@dataclass(frozen=True, slots=True)
class Handler:
    """How the outside calls a function: by which framework, on which route, and what it hands over."""

    kind: str = ""
    route: str = ""
    what: str = "input"
    html: bool = False
    carriers: frozenset[str] = REQUESTS


class Entries:
    """The entries of one file, found without running anything."""

    def __init__(self, module: Module, workspace: Workspace, models: Models) -> None:
        self.module = module
        self.workspace = workspace
        self.models = models
        self.found: dict[ast.AST, Handler] = {}
        self.module_level = False
        self._roots = {name.partition(".")[0] for name in module.imported}
        hot = self._imported_hot()
        if hot or self._may_hold():
            self._find(hot)

    def outermost(self, nodes: Iterable[ast.AST]) -> Iterator[Function]:
        """The functions to call: an entry within another function is called by that one."""
        seen: set[ast.AST] = set()
        for node in list(nodes):
            top = node
            for around in self.module.ancestors(node):
                if isinstance(around, FUNCTIONS):
                    top = around
            if top not in seen and isinstance(top, FUNCTIONS):
                seen.add(top)
                yield top

    def _may_hold(self) -> bool:
        words = self.module.words
        return bool(words & self.models.words or self._roots & WEB) or "event" in words

    def _find(self, hot: set[str]) -> None:
        for function in self.module.nodes(*FUNCTIONS):
            handler = self._handler(function)
            if handler is not None:
                self.found[function] = handler
        for node in self._sources():
            around = self.module.enclosing_function(node)
            if around is None:
                self.module_level = True
                hot |= self._bound_by(node)
            else:
                self.found.setdefault(around, Handler())
        self.add_readers(hot)

    def _sources(self) -> Iterator[ast.AST]:
        """The nodes that name a source."""
        module, sources = self.module, self.models.sources
        words = self.models.words
        for attribute in module.nodes(ast.Attribute):
            if attribute.attr in words:
                name = module.qualified_name(attribute)
                if (name is not None and (name in sources or f"{name}()" in sources)) or (
                    attribute.attr in ("recv", "recvfrom") and "socket" in self._roots
                ):
                    yield attribute
        for name_node in module.nodes(ast.Name):
            if name_node.id in words and isinstance(name_node.ctx, ast.Load):
                name = module.qualified_name(name_node)
                if name is not None and (name in sources or f"{name}()" in sources or self._is_parent(name)):
                    yield name_node
            elif name_node.id in ("request", "req", "sys", "os", "environ", "argv"):
                name = module.qualified_name(name_node)
                if name is not None and (
                    name in sources or (self._is_parent(name) and name not in ("sys", "os"))
                ):
                    yield name_node
        for handler in module.nodes(ast.ExceptHandler):
            if handler.name and module.enclosing_function(handler) in self.found:
                yield handler

    def _is_parent(self, name: str) -> bool:
        return "." in name and name in self.models.source_parents

    def _bound_by(self, node: ast.AST) -> set[str]:
        statement = self.module.enclosing_statement(node)
        return (
            {n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
            if statement is not None and not isinstance(statement, (*FUNCTIONS, ast.ClassDef))
            else set()
        )

    def _imported_hot(self) -> set[str]:
        """Names imported from files of the program in which something comes in."""
        hot: set[str] = set()
        for statement in self.module.nodes(ast.Import, ast.ImportFrom):
            for local, qualified in imports_of(statement):
                owner = (
                    qualified if isinstance(statement, ast.Import) else qualified.rpartition(".")[0] or "."
                )
                path = self.workspace.resolve(owner, self.module.path)
                if path is None or path == self.module.path:
                    continue
                if self.workspace.words(path) & self.models.words:
                    hot.add(local)
        return hot

    def add_readers(self, names: set[str]) -> list[Function]:
        """Take in the functions that read or call something of these names; which those are."""
        readers: dict[Function, None] = {}
        named = [node for node in self.module.nodes(ast.Name) if node.id in names]
        attributes = [node for node in self.module.nodes(ast.Attribute) if node.attr in names]
        nodes: list[ast.Name | ast.Attribute] = [*named, *attributes]
        for node in self.module.ordered(nodes):
            name = node.id if isinstance(node, ast.Name) else node.attr
            if not isinstance(node.ctx, ast.Load):
                continue
            if isinstance(node, ast.Attribute) and name in COMMON and not self._is_self(node.value):
                continue
            around = self.module.enclosing_function(node)
            if around is None:
                self.module_level = True
            elif around.name not in names or around not in self.found:
                self.found.setdefault(around, Handler())
                readers[around] = None
        return list(readers)

    def _is_self(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id in ("self", "cls")

    # Handlers

    def _handler(self, function: Function) -> Handler | None:
        for decorator in function.decorator_list:
            found = self._decorated(decorator)
            if found is not None:
                return found
        arguments = [*function.args.posonlyargs, *function.args.args]
        if is_lambda_handler(self.module, function) or self._is_lambda(function, arguments):
            return Handler("lambda", what="the event of an AWS Lambda")
        parent = self.module.parent(function)
        method = isinstance(parent, ast.ClassDef)
        if arguments and self._roots & {"django", "rest_framework"}:
            if self._is_django(function, arguments, parent):
                return Handler("django", what="part of the address")
        if "aiohttp" in self._roots and arguments and arguments[1 if method else 0 :][:1]:
            if arguments[1 if method else 0].arg == "request":
                return Handler("aiohttp")
        if method and isinstance(parent, ast.ClassDef) and self._is_flask_view(parent, function):
            return Handler("flask", what="part of the address")
        if any(self._is_request(argument) for argument in arguments):
            return Handler()
        if "starlette" in self._roots and isinstance(function, ast.AsyncFunctionDef) and not method:
            if arguments and arguments[0].arg == "request":
                return Handler("starlette")
        if any(argument.arg in ("request", "req") and argument.annotation is None for argument in arguments):
            return Handler()
        if method and isinstance(parent, ast.ClassDef) and self._is_web_class(parent):
            return Handler()
        return None

    def _decorated(self, decorator: ast.expr) -> Handler | None:
        call = decorator if isinstance(decorator, ast.Call) else None
        target = call.func if call is not None else decorator
        if isinstance(target, ast.Attribute) and call is not None and target.attr in VERBS | {"command"}:
            owner = self.module.qualified_name(target.value) or ""
            first = call.args[0] if call.args else None
            route = first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""
            if target.attr == "command":
                return Handler("command", what="an argument of the command line")
            if owner.startswith("fastapi.") or (self._roots & FASTAPI and not self._roots & FLASK):
                html = any(
                    k.arg == "response_class" and "HTML" in ast.unparse(k.value) for k in call.keywords
                )
                return Handler("fastapi", route, "part of the request", html)
            if owner.partition(".")[0] in FLASK or self._roots & FLASK or target.attr == "route":
                return Handler("flask", route, "part of the address")
        name = self.module.qualified_name(target) or ""
        if name in ("click.command", "typer.command"):
            return Handler("command", what="an argument of the command line")
        if name.endswith(
            (
                "api_view",
                "csrf_exempt",
                "require_http_methods",
                "require_POST",
                "require_GET",
                "login_required",
            )
        ):
            return (
                Handler("django", what="part of the address")
                if "django" in name or "rest_framework" in name
                else None
            )
        return None

    def _is_lambda(self, function: Function, arguments: list[ast.arg]) -> bool:
        if len(arguments) != 2 or not isinstance(self.module.parent(function), ast.Module):
            return False
        return arguments[0].arg.lstrip("_") == "event" and bool(_HANDLER_NAME.search(function.name))

    def _is_django(self, function: Function, arguments: list[ast.arg], parent: ast.AST | None) -> bool:
        first = arguments[1:2] if isinstance(parent, ast.ClassDef) else arguments[:1]
        if not first or first[0].arg not in ("request", "req"):
            return False
        return not isinstance(parent, ast.ClassDef) or not function.name.startswith("_")

    def _is_flask_view(self, parent: ast.ClassDef, function: Function) -> bool:
        if function.name not in VERBS | {"dispatch_request"} or not self._roots & FLASK:
            return False
        return any(ast.unparse(base).endswith(("View", "Resource")) for base in parent.bases)

    def _is_request(self, argument: ast.arg) -> bool:
        annotation = argument.annotation
        if isinstance(annotation, ast.BinOp):
            annotation = annotation.left
        if isinstance(annotation, ast.Constant):
            return str(annotation.value).rpartition(".")[2] in REQUESTS
        name = annotation.attr if isinstance(annotation, ast.Attribute) else getattr(annotation, "id", "")
        return name in REQUESTS

    def _is_web_class(self, parent: ast.ClassDef) -> bool:
        bases = [ast.unparse(base) for base in parent.bases]
        return any(base.endswith(("RequestHandler", "HTTPEndpoint", "WebSocketHandler")) for base in bases)


def lets_in(module: Module, workspace: Workspace, models: Models) -> frozenset[ast.AST]:
    """The functions of a file in which something comes in from outside; worked out once for all files of a workspace."""
    key = (module.path, id(models))
    known = workspace.letting_in.get(key)
    if known is None or known.module is not module:
        before, workspace.asked = workspace.asked, set()
        found = frozenset(Entries(module, workspace, models).found)
        known = workspace.letting_in[key] = LettingIn(module, found, frozenset(workspace.asked))
        workspace.asked = before
    workspace.asked |= known.asked
    return known.functions
