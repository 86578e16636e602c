"""Sinks: which arguments of a call do harm there, and under what conditions."""

from __future__ import annotations

import ast
import re
import sys

from kibitz_reviewer.dataflow import fold
from kibitz_reviewer.dataflow.guards import fixes_host
from kibitz_reviewer.dataflow.machine import externals
from kibitz_reviewer.dataflow.models import SinkModel
from kibitz_reviewer.dataflow.operators import QUOTING, conversions
from kibitz_reviewer.dataflow.statements import Statements
from kibitz_reviewer.dataflow.values import (
    HARMLESS,
    External,
    FunctionRef,
    ObjectRef,
    PartialRef,
    Value,
    mixed,
    of_constant,
)

#: A file among a request's files, before anything of it is taken.
UPLOAD = re.compile(r"\b(?:files|FILES)(?:\[\]|\.get\(\)|\.pop\(\))$")
SHELLS = re.compile(r"(?:^|/)(?:ba|da|z|k|c|fi)?sh$|^cmd(?:\.exe)?$|powershell|pwsh")
DATABASE = re.compile(
    r"(?i)cur|conn|db|database|sql|engine|session|tx|transaction|query|store|pool|client|manager"
)
SQL = re.compile(
    r"(?is)\s*(?:select|insert|update|delete|replace|with|create|drop|alter|truncate|merge|grant|call|exec|pragma|show|explain|use|set)\b"
)
#: What a receiver is called where the file does not show what it is.
RECEIVERS = {
    "ldap": re.compile(r"(?i)ldap|conn|server|directory|^l$"),
    "xpath": re.compile(r"(?i)tree|root|doc|xml|html|node|elem|dom|page|soup|parser"),
    "logger": re.compile(r"(?i)log"),
}


_EXEC = re.compile(r"\.exec[lv]")


class Sinks(Statements):
    """Reports harmful calls."""

    def check_sinks(
        self,
        node: ast.Call,
        callee: Value,
        receiver: Value | None,
        args: list[Value],
        keywords: dict[str, Value],
    ) -> None:
        """Report harmful arguments of a call."""
        for ref in callee.refs:
            if type(ref) is PartialRef:
                self.check_sinks(
                    node, ref.function, None, [*ref.args, *args], {**dict(ref.keywords), **keywords}
                )
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
        if model.kind == "shell" and _EXEC.search(what) and len(args) > 3:
            # os.execl("/bin/sh", "sh", "-c", script)
            if isinstance(args[0].constant, str) and SHELLS.search(args[0].constant):
                self.report(model, node, mixed([self.deep(each) for each in args[3:]]), what)
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
