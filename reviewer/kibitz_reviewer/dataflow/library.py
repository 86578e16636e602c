"""Calls of what lies outside the program: what comes in, what is passed through, what is made harmless, what does harm."""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import replace

from kibitz_reviewer.dataflow import fold
from kibitz_reviewer.dataflow.expressions import QUOTING, conversions
from kibitz_reviewer.dataflow.guards import NORMALISED, fixes_host
from kibitz_reviewer.dataflow.machine import externals
from kibitz_reviewer.dataflow.models import SinkModel, SourceModel
from kibitz_reviewer.dataflow.state import Object
from kibitz_reviewer.dataflow.statements import GoneError, Statements
from kibitz_reviewer.dataflow.values import (
    EVERY_KIND,
    HARMLESS,
    NONE,
    UNKNOWN,
    External,
    FunctionRef,
    ObjectRef,
    PartialRef,
    Value,
    external,
    join_all,
    mixed,
    of_constant,
)
from kibitz_reviewer.engines.names import BUILTINS, CLOSING

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
NUMERIC_METHODS = frozenset(
    [
        "count",
        "index",
        "find",
        "rfind",
        "rindex",
        "startswith",
        "endswith",
        "isdigit",
        "isalpha",
        "isalnum",
        "isnumeric",
        "isdecimal",
        "isidentifier",
        "islower",
        "isupper",
        "isspace",
        "istitle",
        "__len__",
        "keys_count",
        "bit_length",
        "is_valid",
        "exists",
        "is_file",
        "is_dir",
        "hexdigest",
        "digest",
    ]
)
CONVERTING = re.compile(
    r"(?i)^(?:_*)(?:build|make|format|compose|concat|join|decode|encode_?text|transform|convert|wrap|process|prepare|parse|render|expand|to_|as_|add_|with_|prefix|suffix|upper|lower|title|trim|strip|pad|identity|passthrough|echo)"
)
CLEANING = re.compile(
    r"(?i)(?:sanit|escape|clean|quote|purify|whitelist|allowlist|encode_for|slugify|scrub|strip_tags|secure|safe|valid)"
)
#: A number does no harm in a text, but it is all that these want.
IDENTITIES = frozenset(
    {"setuid", "setgid", "seteuid", "setegid", "setreuid", "setregid", "setresuid", "setresgid"}
)
#: What makes templates that escape what is filled in, if asked to.
ESCAPING = frozenset({"jinja2.Environment", "jinja2.Template", "jinja2.sandbox.SandboxedEnvironment"})
#: A file among a request's files, before anything of it is taken.
UPLOAD = re.compile(r"\b(?:files|FILES)(?:\[\]|\.get\(\)|\.pop\(\))$")
SHELLS = re.compile(r"(?:^|/)(?:ba|da|z|k|c|fi)?sh$|^cmd(?:\.exe)?$|powershell|pwsh")
DATABASE = re.compile(
    r"(?i)cur|conn|db|database|sql|engine|session|tx|transaction|query|store|pool|client|manager"
)
SQL = re.compile(
    r"(?is)\s*(?:select|insert|update|delete|replace|with|create|drop|alter|truncate|merge|grant|call|exec|pragma|show|explain|use|set)\b"
)
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
#: What a receiver is called where the file does not show what it is.
RECEIVERS = {
    "ldap": re.compile(r"(?i)ldap|conn|server|directory|^l$"),
    "xpath": re.compile(r"(?i)tree|root|doc|xml|html|node|elem|dom|page|soup|parser"),
    "logger": re.compile(r"(?i)log"),
}
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


class Library(Statements):
    """What calls of external functions give."""

    # Sinks

    def check_sinks(
        self,
        node: ast.Call,
        callee: Value,
        receiver: Value | None,
        args: list[Value],
        keywords: dict[str, Value],
    ) -> None:
        """Report harmful arguments of a call."""
        seen: list[SinkModel] = []
        for name in externals(callee):
            for model in self.models.sinks.get(name, ()):
                seen.append(model)
                self._check(model, node, receiver, args, keywords)
        if isinstance(node.func, ast.Attribute) and not seen:
            method = node.func.attr
            models = self.models.sink_methods.get(method, ())
            if models and not self._is_elsewhere(callee, receiver):
                for model in models:
                    self._check(model, node, receiver, args, keywords)

    def _is_elsewhere(self, callee: Value, receiver: Value | None) -> bool:
        """Whether a method surely is another one of the same name: the program's own, or one of the standard library."""
        if any(type(ref) in (FunctionRef, ObjectRef) for ref in callee.refs):
            return True
        if receiver is not None and any(type(ref) is ObjectRef for ref in receiver.refs):
            return not any(type(ref) is External for ref in callee.refs)
        roots = {name.partition(".")[0].partition("(")[0] for name in externals(callee)}
        return bool(roots) and all(
            root in sys.stdlib_module_names and root not in ("sqlite3", "logging") for root in roots
        )

    def _check(
        self,
        model: SinkModel,
        node: ast.Call,
        receiver: Value | None,
        args: list[Value],
        keywords: dict[str, Value],
    ) -> None:
        what = f"`{' '.join(ast.unparse(node.func).split())}`"
        if model.kind == "log":
            args = _as_logged(args)
        for value in self._harmed(model, receiver, args, keywords):
            if model.kind == "path" and any(UPLOAD.search(name) for name in externals(value)):
                continue  # what was uploaded is opened, not a path that it names
            if self._matters(model, node, value, args, keywords):
                self.report(model, node, self.sunk(model, value), what)

    def sunk(self, model: SinkModel, value: Value) -> Value:
        """What of ``value`` the sink gets."""
        if model.when.startswith("shell") and model.when != "shell-text":
            items = self.known_items(value)
            if items is not None:
                # Without a shell it matters who chooses the program; who starts this one may start any other.
                program = self.deep(items[0]) if items else HARMLESS
                return Value(
                    frozenset(t for t in program.taints if t.label == "remote"), unknown=program.unknown
                )
        return self.deep(value)

    def _harmed(
        self, model: SinkModel, receiver: Value | None, args: list[Value], keywords: dict[str, Value]
    ) -> list[Value]:
        found = [args[index] for index in model.args if 0 <= index < len(args)]
        if -1 in model.args and receiver is not None:
            found.append(receiver)
        found += [keywords[name] for name in model.keywords if name in keywords]
        if "**" in model.keywords:
            found += keywords.values()
        return found

    def _matters(
        self, model: SinkModel, node: ast.Call, value: Value, args: list[Value], keywords: dict[str, Value]
    ) -> bool:
        """Whether the condition of a sink holds."""
        when = model.when
        if when == "shell":
            return self._matters_to_shell(node, value, keywords, model)
        if when == "host":
            return not fixes_host(value.prefix)
        if when == "text":
            receiver = ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else ""
            return bool(SQL.match(value.prefix)) or (
                not value.prefix.strip() and bool(DATABASE.search(receiver))
            )
        if when == "html":
            kinds = [
                keywords[k].constant for k in ("content_type", "mimetype", "media_type") if k in keywords
            ]
            return not kinds or any(not isinstance(kind, str) or "html" in kind for kind in kinds)
        if when == "said-html":
            said = keywords.get("content_type") or keywords.get("media_type")
            return said is not None and isinstance(said.constant, str) and "html" in said.constant
        if when == "yaml":
            loader = keywords.get("Loader", args[1] if len(args) > 1 else None)
            return loader is None or not any("Safe" in name or "Base" in name for name in externals(loader))
        if when in RECEIVERS:
            receiver = ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else ""
            return bool(RECEIVERS[when].search(receiver))
        if when.startswith("unless:"):
            return when.removeprefix("unless:") not in keywords
        if when.startswith("few:"):
            return len(args) <= int(when.removeprefix("few:"))
        if when == "write":
            mode = keywords.get("mode", args[1] if len(args) > 1 else HARMLESS).constant
            return isinstance(mode, str) and any(letter in mode for letter in "wax+")
        return True

    def _matters_to_shell(
        self, node: ast.Call, value: Value, keywords: dict[str, Value], model: SinkModel
    ) -> bool:
        shell = keywords.get("shell", of_constant(False))
        items = self.known_items(value)
        if items is not None:
            programs = items[0].constants or () if items else ()
            if any(isinstance(p, str) and SHELLS.search(p) for p in programs) and len(items) > 2:
                script = mixed([self.deep(item) for item in items[2:]])
                self.report(model, node, script, f"`{ast.unparse(node.func)}`")
                return False
            return True
        if any(type(ref) is ObjectRef for ref in value.refs):
            return fold.truth(shell) is True
        if fold.truth(shell) is not False:
            return True
        return not value.prefix.strip()

    # What calls give

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
        special = self._special(name, args, keywords, node)
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

    def apply(
        self,
        callee: Value,
        receiver: Value | None,
        args: list[Value],
        keywords: dict[str, Value],
        node: ast.AST,
    ) -> Value:
        """Call ``callee``."""
        raise NotImplementedError

    def _special(
        self, name: str, args: list[Value], keywords: dict[str, Value], node: ast.AST
    ) -> Value | None:
        """Builtins whose result has a shape."""
        first = args[0] if args else HARMLESS
        if name == "functools.partial" and args:
            return Value(refs=frozenset((PartialRef(first, tuple(args[1:]), tuple(keywords.items())),)))
        if name in (
            "list",
            "tuple",
            "sorted",
            "reversed",
            "set",
            "frozenset",
            "iter",
            "filter",
            "collections.deque",
            "queue.Queue",
            "queue.SimpleQueue",
        ):
            return self._sequence_of(name, args, node)
        if name in (
            "dict",
            "collections.OrderedDict",
            "collections.defaultdict",
            "configparser.ConfigParser",
            "types.SimpleNamespace",
        ):
            return self._dict_of(name, args, keywords, node)
        if name == "map" and len(args) > 1:
            elements = [self.iterated(arg) for arg in args[1:]]
            return self.allocate(
                self.state, node, Object("list", rest=self.apply(first, None, elements, {}, node))
            )
        if name == "enumerate":
            pair = self.allocate(self.state, node, Object("tuple", items=(HARMLESS, self.iterated(first))))
            self.state.heap[("enumerate", node)] = Object("list", rest=pair)
            return Value(refs=frozenset((ObjectRef(("enumerate", node)),)))
        if name == "zip":
            pair = self.allocate(
                self.state, node, Object("tuple", items=tuple(self.iterated(arg) for arg in args))
            )
            self.state.heap[("zip", node)] = Object("list", rest=pair)
            return Value(refs=frozenset((ObjectRef(("zip", node)),)))
        if name == "next":
            return self.iterated(first)
        if name == "getattr" and len(args) > 1 and isinstance(args[1].constant, str):
            found = self.attribute(first, args[1].constant, node)
            return found if len(args) < 3 else join_all([found, args[2]])
        if name == "setattr" and len(args) > 2 and isinstance(args[1].constant, str):
            self.store_attribute(first, args[1].constant, args[2])
            return NONE
        if name in CLOSING and args:
            return first
        if name in ("copy.copy", "copy.deepcopy", "typing.cast"):
            return args[-1] if name == "typing.cast" and args else first
        if name == "len":
            items = self.known_items(first)
            constants = (len(items),) if items is not None else fold.function(name, args)
            return Value(constants=constants)
        return None

    def _sequence_of(self, name: str, args: list[Value], node: ast.AST) -> Value:
        if not args or name.startswith("queue."):
            return self.allocate(self.state, node, Object("list", items=()))
        source = args[1] if name == "filter" and len(args) > 1 else args[0]
        items = self.known_items(source)
        if items is not None and name in ("list", "tuple", "iter", "collections.deque"):
            return self.allocate(self.state, node, Object("list", items=tuple(items)))
        return self.allocate(self.state, node, Object("list", rest=self.iterated(source)))

    def _dict_of(self, name: str, args: list[Value], keywords: dict[str, Value], node: ast.AST) -> Value:
        kind = (
            "config" if name.startswith("configparser") else "object" if name.startswith("types") else "dict"
        )
        obj = Object(kind, {k: v for k, v in keywords.items() if k != "**"} if kind != "config" else {})
        if "**" in keywords:
            obj = obj.with_rest(keywords["**"])
        for value in args if kind == "dict" and "defaultdict" not in name else []:
            for _, other in self.objects(self.state, value):
                obj = Object(kind, {**other.cells, **obj.cells}, None, other.rest)
            if value.taints:
                obj = obj.with_rest(value)
        return self.allocate(self.state, node, obj)

    # Methods

    def method_results(
        self, receiver: Value, args: list[Value], keywords: dict[str, Value], node: ast.AST
    ) -> list[Value]:
        """What a method of a builtin value gives."""
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            return []
        name = node.func.attr
        results: list[Value] = []
        for place, obj in self.objects(self.state, receiver):
            if obj.cls is not None or obj.kind == "object":
                continue
            found = (
                self._config_method(place, obj, name, args)
                if obj.kind == "config"
                else self.container_method(place, obj, name, args, receiver, node)
            )
            results.append(UNKNOWN if found is None else found)
        constants = fold.method(receiver, name, args)
        if constants is not None:
            single = constants[0]
            return [Value(receiver.taints, constants, prefix=single if isinstance(single, str) else "")]
        if receiver.constants is not None or receiver.prefix:
            if name == "format":
                return [self._format(receiver, args, keywords)]
            if name == "join":
                return [self._joined_text(receiver, args)]
        if receiver.taints:
            results.append(self._tainted_method(receiver, name, args, keywords))
        elif receiver.constants is not None and not results:
            results.append(mixed([receiver, *(self.deep(arg) for arg in args)]))
        return results

    def _format(self, receiver: Value, args: list[Value], keywords: dict[str, Value]) -> Value:
        parts = mixed([receiver, *(self.deep(each) for each in (*args, *keywords.values()))])
        text = receiver.constant if isinstance(receiver.constant, str) else receiver.prefix
        prefix = text.partition("{")[0]
        if text.startswith("{}") and args:
            prefix = args[0].prefix
        return Value(parts.taints, prefix=prefix, unknown=parts.unknown)

    def _joined_text(self, receiver: Value, args: list[Value]) -> Value:
        parts = mixed([receiver, *(self.deep(arg) for arg in args)])
        items = self.known_items(args[0]) if args else None
        prefix = items[0].prefix if items else ""
        if (
            items is not None
            and all(isinstance(item.constant, str) for item in items)
            and isinstance(receiver.constant, str)
        ):
            return of_constant(receiver.constant.join(item.constant for item in items))
        return Value(parts.taints, prefix=prefix, unknown=parts.unknown)

    def _tainted_method(
        self, receiver: Value, name: str, args: list[Value], keywords: dict[str, Value]
    ) -> Value:
        if name in NUMERIC_METHODS:
            return HARMLESS
        converter = keywords.get("type")
        if converter is not None and set(externals(converter)) & {"int", "float", "bool", "uuid.UUID"}:
            return HARMLESS
        value = Value(receiver.taints, unknown=receiver.unknown)
        kinds = self.models.sanitizer_methods.get(name)
        if kinds is not None:
            return value.cleaned(kinds)
        if CLEANING.search(name):
            return HARMLESS
        if name in ("replace", "translate", "sub") and args and isinstance(args[0].constant, str):
            return value.cleaned(REPLACED.get(args[0].constant, ()))
        if name in ("get", "pop", "setdefault", "getlist", "getfirst") and args:
            narrowed = self.narrowed(receiver.taints, args[0].constant)
            default = args[1] if len(args) > 1 else HARMLESS
            return join_all(
                [Value(narrowed, unknown=receiver.unknown), Value(default.taints, unknown=default.unknown)]
            )
        if name in ("resolve", "absolute"):
            return value.cleaned([NORMALISED])
        if name in ("joinpath", "format", "join", "with_name", "union", "update"):
            return mixed([receiver, *(self.deep(arg) for arg in args)])
        return value

    def _config_method(
        self, place: tuple[object, ...], obj: Object, name: str, args: list[Value]
    ) -> Value | None:
        """configparser: what is set under section and option comes back from there."""
        keys = tuple(arg.constant for arg in args[:2])
        known = len(keys) == 2 and all(isinstance(key, str) for key in keys)
        if name == "set" and len(args) > 2:
            self.update(place, obj.with_cell(keys, args[2], strong=True) if known else obj.with_rest(args[2]))
            return NONE
        if name == "get" and len(args) > 1:
            found = obj.at(keys) if known else self._any(obj)
            return UNKNOWN if found is None else found
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


def _as_logged(args: list[Value]) -> list[Value]:
    """The arguments of a logging call, those left out that its format writes with escapes."""
    for index, text in enumerate(args[:2]):
        if isinstance(text.constant, str):
            letters = conversions(text.constant)
            rest = args[index + 1 :]
            if len(letters) == len(rest):
                kept = [HARMLESS if c in QUOTING else v for c, v in zip(letters, rest, strict=True)]
                return [*args[: index + 1], *kept]
    return args


REPLACED: dict[str, tuple[str, ...]] = {
    "\n": ("log", "header"),
    "\r": ("log", "header"),
    "\r\n": ("log", "header"),
    "'": ("sql", "xpath"),
    '"': ("xpath",),
    "<": ("xss",),
    "../": ("path",),
    "..": ("path",),
    "/": ("path",),
}
