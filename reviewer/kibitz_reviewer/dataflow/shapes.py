"""Builtins and standard functions whose result has a shape: containers, pairs, partials, attributes by name."""

from __future__ import annotations

import ast

from kibitz_reviewer.dataflow import fold
from kibitz_reviewer.dataflow.sinks import Sinks
from kibitz_reviewer.dataflow.state import Object
from kibitz_reviewer.dataflow.values import (
    HARMLESS,
    NONE,
    ObjectRef,
    PartialRef,
    Value,
    join_all,
)
from kibitz_reviewer.engines.names import CLOSING


class Shapes(Sinks):
    """Calls what builds, opens or wraps containers and functions."""

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

    def shaped(self, name: str, args: list[Value], keywords: dict[str, Value], node: ast.AST) -> Value | None:
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
