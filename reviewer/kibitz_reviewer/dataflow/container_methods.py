"""The methods of lists, dictionaries, sets and queues, as far as what is inside of them goes."""

from __future__ import annotations

import ast
from dataclasses import replace

from kibitz_reviewer.dataflow.containers import MAX_ITEMS, Containers
from kibitz_reviewer.dataflow.machine import constant_key
from kibitz_reviewer.dataflow.state import Key, Object
from kibitz_reviewer.dataflow.values import (
    HARMLESS,
    NONE,
    UNKNOWN,
    ObjectRef,
    Value,
    join,
    of_constant,
)


class ContainerMethods(Containers):
    """Calls methods of the builtin containers."""

    def container_method(
        self, place: Key, obj: Object, name: str, args: list[Value], receiver: Value, node: ast.AST
    ) -> Value | None:
        """A method of a list, dictionary or set; None if it is none that is known."""
        single = self.is_single(receiver, place)
        if obj.kind == "dict":
            return self._dict_method(place, obj, name, args, single, node)
        first = args[0] if args else HARMLESS
        if name in ("append", "add", "appendleft", "put", "put_nowait"):
            if (
                obj.items is not None
                and single
                and name in ("append", "put", "put_nowait")
                and len(obj.items) < MAX_ITEMS
            ):
                self.update(place, replace(obj, items=(*obj.items, first)))
            else:
                self.update(place, obj.loose().with_rest(first))
            return NONE
        if name == "insert" and len(args) == 2:
            index = args[0].constant
            if obj.items is not None and single and isinstance(index, int):
                items = list(obj.items)
                items.insert(index, args[1])
                self.update(place, replace(obj, items=tuple(items)))
            else:
                self.update(place, obj.loose().with_rest(args[1]))
            return NONE
        if name in ("extend", "update", "extendleft", "union"):
            more = self.known_items(first)
            if obj.items is not None and more is not None and single and name == "extend":
                self.update(place, replace(obj, items=(*obj.items, *more)))
            else:
                self.update(place, obj.loose().with_rest(self.iterated(first)))
            return NONE if name != "union" else receiver
        if name in ("pop", "popleft", "get", "get_nowait"):
            return self._popped(place, obj, args if name == "pop" else [of_constant(0)], single)
        if name == "clear":
            self.update(place, Object(obj.kind, items=() if obj.kind != "set" else None))
            return NONE
        if name in ("reverse", "sort", "remove"):
            self.update(place, self._shuffled(obj, name, first))
            return NONE
        if name == "copy":
            return self.allocate(self.state, node, obj)
        return HARMLESS if name in ("index", "count", "__len__", "join", "task_done") else None

    def _shuffled(self, obj: Object, name: str, first: Value) -> Object:
        if name == "reverse" and obj.items is not None:
            return replace(obj, items=obj.items[::-1])
        if name == "remove" and obj.items is not None:
            items = list(obj.items)
            for index, item in enumerate(items):
                if (
                    item.constants is not None
                    and first.constants is not None
                    and item.constant == first.constant
                ):
                    del items[index]
                    return replace(obj, items=tuple(items))
        return obj.loose()

    def _popped(self, place: Key, obj: Object, args: list[Value], single: bool) -> Value:
        index = args[0].constant if args else -1
        if obj.items and isinstance(index, int) and -len(obj.items) <= index < len(obj.items):
            items = list(obj.items)
            value = items.pop(index)
            self.update(place, replace(obj, items=tuple(items)) if single else obj.loose())
            return value
        return obj.everything() if obj.rest is not None or obj.items else UNKNOWN

    def _dict_method(
        self, place: Key, obj: Object, name: str, args: list[Value], single: bool, node: ast.AST
    ) -> Value | None:
        if name in ("get", "pop", "setdefault") and args:
            known, constant = constant_key(args[0])
            found = obj.at(constant) if known else self._any(obj)
            default = args[1] if len(args) > 1 else NONE
            if name == "setdefault" and found is None:
                self.update(place, self.with_key(obj, args[0], default, strong=single))
                return default
            if name == "pop" and known and single and constant in obj.cells:
                self.update(place, replace(obj, cells={k: v for k, v in obj.cells.items() if k != constant}))
            if found is None:
                return default
            return found if known and constant in obj.cells else join(found, default)
        if name == "update":
            for value in args[:1]:
                for _, other in self.objects(self.state, value):
                    cells = {**obj.cells, **other.cells}
                    obj = replace(obj, cells=cells, rest=other.rest or obj.rest)
                if value.taints:
                    obj = obj.with_rest(value)
            self.update(place, obj)
            return NONE
        if name == "keys":
            return self.allocate(
                self.state,
                node,
                Object("list", rest=self.iterated(Value(refs=frozenset((ObjectRef(place),))))),
            )
        if name == "values":
            return self.allocate(self.state, node, Object("list", rest=self._any(obj)))
        if name == "items":
            key = self.iterated(Value(refs=frozenset((ObjectRef(place),))))
            pair = self.allocate(self.state, node, Object("tuple", items=(key, self._any(obj))))
            self.state.heap[(place, "items")] = Object("list", rest=pair)
            return Value(refs=frozenset((ObjectRef((place, "items")),)))
        if name == "copy":
            return self.allocate(self.state, node, obj)
        if name == "clear":
            self.update(place, Object("dict"))
            return NONE
        return None
