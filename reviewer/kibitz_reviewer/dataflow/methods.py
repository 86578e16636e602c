"""Methods of values that no class of the program has: of texts, containers, configurations, and of what came in."""

from __future__ import annotations

import ast
import re

from kibitz_reviewer.dataflow import fold
from kibitz_reviewer.dataflow.guards import NORMALISED
from kibitz_reviewer.dataflow.machine import externals
from kibitz_reviewer.dataflow.shapes import Shapes
from kibitz_reviewer.dataflow.state import Object
from kibitz_reviewer.dataflow.values import (
    HARMLESS,
    NONE,
    UNKNOWN,
    Value,
    join_all,
    mixed,
    of_constant,
)

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
CLEANING = re.compile(
    r"(?i)(?:sanit|escape|clean|quote|purify|whitelist|allowlist|encode_for|slugify|scrub|strip_tags|secure|safe|valid)"
)
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


class Methods(Shapes):
    """Calls methods of builtin values."""

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
