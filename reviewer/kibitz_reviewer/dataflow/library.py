"""Calls of what lies outside the program: what comes in, what is passed through, what is made harmless, what does harm."""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import replace

from kibitz_reviewer.dataflow import fold
from kibitz_reviewer.dataflow.branches import GoneError
from kibitz_reviewer.dataflow.guards import NORMALISED
from kibitz_reviewer.dataflow.machine import externals
from kibitz_reviewer.dataflow.methods import CLEANING, Methods
from kibitz_reviewer.dataflow.models import SourceModel
from kibitz_reviewer.dataflow.values import (
    EVERY_KIND,
    HARMLESS,
    UNKNOWN,
    External,
    FunctionRef,
    Value,
    external,
    mixed,
)
from kibitz_reviewer.engines.names import BUILTINS

NORETURN = frozenset(
    {
        "sys.exit",
        "os._exit",
        "exit",
        "quit",
        "os.abort",
        "flask.abort",
        "werkzeug.exceptions.abort",
        "bottle.abort",
        "quart.abort",
    }
)
REAL_PATHS = frozenset({"os.path.realpath", "os.path.abspath", "os.path.normpath"})
CONVERTING = re.compile(
    r"(?i)^(?:_*)(?:build|make|format|compose|concat|join|decode|encode_?text|transform|convert|wrap|process|prepare|parse|render|expand|to_|as_|add_|with_|prefix|suffix|upper|lower|title|trim|strip|pad|identity|passthrough|echo)"
)
#: A number does no harm in a text, but it is all that these want.
IDENTITIES = frozenset(
    {"setuid", "setgid", "seteuid", "setegid", "setreuid", "setregid", "setresuid", "setresgid"}
)
#: What makes templates that escape what is filled in, if asked to.
ESCAPING = frozenset({"jinja2.Environment", "jinja2.Template", "jinja2.sandbox.SandboxedEnvironment"})
#: Names of functions that answer with something of their own rather than with what they are given.
ELSEWHERE = re.compile(
    r"(?i)(?:^|_)(?:get|find|load|fetch|query|lookup|search|read|count|exists|has|is|check|verify|hash|hashpw|encrypt|sign|create|save|insert|add|delete"
    r"|send|log|select|first|all|filter|by|redirect|render|template|response|respond|jsonify|open|connect|execute|run|call|start|register|login|auth\w*|post|put|patch|update|set|write|dump|dumps|abort|url_for|flash|client|session|model|objects|info|debug|warning|error)(?:_|$)|(?:Response|Error|Exception|Form|Serializer|Model|Client|Config|Schema)$"
)
REQUEST = re.compile(r"(?i)request|wrap|param|input|form|query|args")
REQUESTS = frozenset(
    {
        "flask.request",
        "django.http.HttpRequest()",
        "request()",
        "fastapi.Request()",
        "starlette.requests.Request()",
        "quart.request",
        "bottle.request",
    }
)
RUNNERS = frozenset(
    {
        "submit",
        "Thread",
        "Process",
        "Timer",
        "run_in_executor",
        "to_thread",
        "apply_async",
        "apply",
        "create_task",
        "ensure_future",
        "run",
        "gather",
        "call_soon",
        "run_sync",
        "run_in_threadpool",
    }
)


class Library(Methods):
    """What calls of external functions give."""

    def external_call(
        self, name: str, receiver: Value | None, args: list[Value], keywords: dict[str, Value], node: ast.AST
    ) -> Value:
        """The value of a call of something outside the program."""
        if name in NORETURN:
            raise GoneError
        result = f"{name}()"
        models = self.models
        source = models.sources.get(result) or models.sources.get(name)
        if source is not None:
            text = self.here.home.module.segment(node)
            text = " ".join(text.split())
            text = text if len(text) <= 60 else text[:57] + "..."
            return Value(
                frozenset((self.source(node, source, f"`{text}`"),)), refs=frozenset((External(result),))
            )
        last = name.rpartition(".")[2]
        kinds = models.sanitizers.get(name) or (
            models.sanitizer_methods.get(last) if not receiver or not receiver.taints else None
        )
        given = [*args, *keywords.values()]
        if kinds is not None:
            parts = mixed([self.deep(each) for each in given])
            if EVERY_KIND in kinds:
                constants = fold.function(name, args)
                if name in ("int", "float", "uuid.UUID", "ipaddress.ip_address") and args and args[0].taints:
                    chosen = args[0].taints
                    self.clean_value(args[0], ("*",))
                    if name == "int" and self.here.home.module.words & IDENTITIES:
                        return Value(frozenset(replace(t, label="number") for t in chosen))
                return Value(constants=constants) if constants is not None else HARMLESS
            return parts.cleaned(kinds)
        special = self.shaped(name, args, keywords, node)
        if special is not None:
            return special
        if name in ESCAPING and "autoescape" in keywords and fold.truth(keywords["autoescape"]) is not False:
            return external("escaping." + result)
        if name.endswith("().get_template") and args and _is_plain_text(args[0].constant):
            return external("plain." + result)
        if name in models.harmless:
            return Value(refs=frozenset((External(result),)))
        if name in models.propagators:
            return self._passed_on(name, given, result)
        if not receiver and CONVERTING.match(last) and not CLEANING.search(last) and "()" not in name:
            parts = mixed([self.deep(each) for each in given])
            return Value(parts.taints, refs=frozenset((External(result),)), unknown=True)
        passed = self._through_unknown(name, last, given, node)
        if passed is not None:
            return passed
        callbacks = [arg for arg in given if any(type(ref) is FunctionRef for ref in arg.refs)]
        if callbacks and last in RUNNERS:
            return self._run_callback(args, keywords, node)
        return Value(refs=frozenset((External(result),)), unknown=True)

    def _through_unknown(self, name: str, last: str, given: list[Value], node: ast.AST) -> Value | None:
        """A call of code that is not here: by its name it may give back what it got, or wrap a request."""
        root = name.partition(".")[0].partition("(")[0]
        if (
            root in sys.stdlib_module_names
            or root in BUILTINS
            or CLEANING.search(last)
            or ELSEWHERE.search(last)
        ):
            return None
        if REQUEST.search(last) and any(each in REQUESTS for arg in given for each in externals(arg)):
            text = " ".join(self.here.home.module.segment(node).split())[:60]
            taint = self.source(node, SourceModel("remote", "made of a request"), f"`{text}`")
            return Value(frozenset((taint,)), unknown=True)
        taints = mixed([self.deep(each) for each in given]).taints
        return Value(taints, refs=frozenset((External(f"{name}()"),)), unknown=True) if taints else None

    def _passed_on(self, name: str, given: list[Value], result: str) -> Value:
        constants = fold.function(name, given)
        if constants is not None:
            return Value(constants=constants, prefix=constants[0] if isinstance(constants[0], str) else "")
        parts = mixed([self.deep(each) for each in given])
        prefix = (
            given[0].prefix
            if given and name in ("str", "os.path.join", "urllib.parse.urljoin", "pathlib.Path")
            else ""
        )
        value = Value(parts.taints, refs=frozenset((External(result),)), prefix=prefix, unknown=parts.unknown)
        return value.cleaned([NORMALISED]) if name in REAL_PATHS else value

    def _run_callback(self, args: list[Value], keywords: dict[str, Value], node: ast.AST) -> Value:
        """``submit(function, *args)``, ``Thread(target=function, args=(...))``."""
        target = keywords.get("target")
        if target is not None:
            inner = self.known_items(keywords["args"]) if "args" in keywords else []
            return self.apply(target, None, inner or [], {}, node)
        for index, arg in enumerate(args):
            functions = frozenset(ref for ref in arg.refs if type(ref) is FunctionRef)
            if functions:
                self.apply(Value(refs=functions), None, args[index + 1 :], keywords, node)
                break
        return UNKNOWN

    def unknown_call(self, node: ast.AST, args: list[Value], keywords: dict[str, Value]) -> Value:
        """A call of something the file does not show; by its name it may build its result from its arguments."""
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).rpartition(".")[2]
            if CONVERTING.match(name) and not CLEANING.search(name):
                parts = mixed([self.deep(each) for each in (*args, *keywords.values())])
                return Value(parts.taints, unknown=True)
        return UNKNOWN


def _is_plain_text(name: object) -> bool:
    """Whether a template's name says that it is no page."""
    return isinstance(name, str) and bool(
        re.search(r"\.(?!html?|x?html|j2|jinja2?|xml|svg|tmpl|tpl)\w+(?:\.j(?:inja)?2?)?$", name)
    )
