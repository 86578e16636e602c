"""Calls of functions and classes of the program: run with the arguments they are given, within limits."""

from __future__ import annotations

import ast
from collections.abc import Container
from dataclasses import replace

from kibitz_reviewer.dataflow.branches import Flowing, GoneError
from kibitz_reviewer.dataflow.entries import lets_in
from kibitz_reviewer.dataflow.library import Library
from kibitz_reviewer.dataflow.machine import MAX_DEPTH, Activation
from kibitz_reviewer.dataflow.program import ClassInfo, FunctionInfo, ModuleInfo
from kibitz_reviewer.dataflow.state import Object, State, joined
from kibitz_reviewer.dataflow.values import (
    NONE,
    UNKNOWN,
    ClassRef,
    External,
    FunctionRef,
    ObjectRef,
    PartialRef,
    Value,
    join_all,
    mixed,
)
from kibitz_reviewer.engines.names import Function

RECORDS = (
    "dataclass",
    "dataclasses.dataclass",
    "attr.s",
    "attrs.define",
    "attr.define",
    "define",
    "attrs.frozen",
)
MAX_SAME = 2
#: How deep calls are followed that carry nothing: to see what they make, or, where something comes in there, further.
PLAIN_DEPTH, SOURCE_DEPTH = 1, 2


class Calls(Library):
    """Calls, with what is called run on the spot; what it gave to harmless arguments is remembered."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.flowing = Flowing()
        self._wanted: dict[int, bool] = {}
        self._mro: dict[ClassInfo, list[ClassInfo]] = {}
        #: By file the functions in which something comes in from outside.
        self.letting_in: dict[str, Container[ast.AST]] = {}

    # Calls

    def call(self, node: ast.Call) -> Value:
        """The value of a call."""
        func = node.func
        receiver: Value | None = None
        if isinstance(func, ast.Attribute):
            if (
                isinstance(func.value, ast.Call)
                and isinstance(func.value.func, ast.Name)
                and func.value.func.id == "super"
            ):
                callee = self.super_attribute(func.attr)
            else:
                receiver = self.eval(func.value)
                callee = self.attribute(receiver, func.attr, func)
        else:
            callee = self.eval(func)
        args, keywords = self.arguments(node)
        self.check_sinks(node, callee, receiver, args, keywords)
        return self.apply(callee, receiver, args, keywords, node)

    def arguments(self, node: ast.Call) -> tuple[list[Value], dict[str, Value]]:
        """The values a call passes, by position and by name; ``**rest`` of unknown names is under ``**``."""
        args: list[Value] = []
        for argument in node.args:
            if isinstance(argument, ast.Starred):
                value = self.eval(argument.value)
                args += self.known_items(value) or [self.iterated(value)]
            else:
                args.append(self.eval(argument))
        keywords: dict[str, Value] = {}
        for keyword in node.keywords:
            value = self.eval(keyword.value)
            if keyword.arg is not None:
                keywords[keyword.arg] = value
                continue
            for _, obj in self.objects(self.state, value):
                keywords.update({name: cell for name, cell in obj.cells.items() if isinstance(name, str)})
            if value.taints:
                keywords["**"] = value
        return args, keywords

    def apply(
        self,
        callee: Value,
        receiver: Value | None,
        args: list[Value],
        keywords: dict[str, Value],
        node: ast.AST,
    ) -> Value:
        """Call ``callee``, whichever of the things it may be."""
        results: list[Value] = []
        builtin = (
            {f"{obj.kind}()." for _, obj in self.objects(self.state, receiver) if obj.cls is None}
            if receiver
            else set()
        )
        for ref in callee.refs:
            if type(ref) is External and builtin and ref.name.startswith(tuple(builtin)):
                continue
            if type(ref) is FunctionRef:
                results.append(self.call_function(ref, args, keywords, node))
            elif type(ref) is ClassRef:
                results.append(self.instance(ref.info, args, keywords, node))
            elif type(ref) is PartialRef:
                results.append(
                    self.apply(
                        ref.function, None, [*ref.args, *args], {**dict(ref.keywords), **keywords}, node
                    )
                )
            elif type(ref) is ObjectRef:
                results.append(self._call_object(ref, args, keywords, node))
            elif type(ref) is External:
                results.append(self.external_call(ref.name, receiver, args, keywords, node))
        if receiver is not None:
            results += self.method_results(receiver, args, keywords, node)
        if not results and callee.taints:
            results.append(Value(callee.taints, unknown=callee.unknown))
        if not results:
            return self.unknown_call(node, args, keywords)
        return join_all(results)

    def _call_object(
        self, ref: ObjectRef, args: list[Value], keywords: dict[str, Value], node: ast.AST
    ) -> Value:
        obj = self.heap_object(self.state, ref.key)
        method = self.find_method(obj.cls, "__call__") if obj is not None and obj.cls is not None else None
        if method is None:
            return UNKNOWN
        return self.call_function(FunctionRef(method, 0, Value(refs=frozenset((ref,)))), args, keywords, node)

    # Functions

    def call_function(
        self, ref: FunctionRef, args: list[Value], keywords: dict[str, Value], node: ast.AST
    ) -> Value:
        """Run a function of the program with these arguments."""
        running = [each.function for each in self.stack]
        if len(self.stack) > MAX_DEPTH or running.count(ref.info) >= MAX_SAME:
            return UNKNOWN
        if len(self.stack) > (SOURCE_DEPTH if self._lets_in(ref) else PLAIN_DEPTH) and not self._carries(
            ref, args, keywords
        ):
            return UNKNOWN
        if ref.info in running:
            # Another turn of a recursion: with the constants known it might never come to its end.
            args, keywords = [_widened(v) for v in args], {k: _widened(v) for k, v in keywords.items()}
        key = self._memo_key(ref, args, keywords)
        if key is not None and key in self.memo:
            return self.memo[key]
        result = self.activate(ref, args, keywords, node)
        if key is not None and not any(type(each) in (ObjectRef, FunctionRef) for each in result.refs):
            self.memo[key] = result
        return result

    def _lets_in(self, ref: FunctionRef) -> bool:
        """Whether something comes in from outside in the function itself."""
        home = ref.info.module
        if home.path not in self.letting_in:
            self.letting_in[home.path] = lets_in(home.module, self.workspace, self.models)
        return ref.info.node in self.letting_in[home.path]

    def _carries(self, ref: FunctionRef, args: list[Value], keywords: dict[str, Value]) -> bool:
        """Whether anything that an outsider controls goes into a call."""
        values = [*args, *keywords.values(), *([ref.bound] if ref.bound is not None else [])]
        return bool(ref.frame) or any(self.deep(value).taints for value in values)

    def _memo_key(
        self, ref: FunctionRef, args: list[Value], keywords: dict[str, Value]
    ) -> tuple[object, ...] | None:
        """What the outcome depends on, if it is no more than the arguments; None otherwise."""
        if ref.frame or ref.bound is not None or self._wanted:
            return None
        values = [*args, *keywords.values()]
        if any(v.taints or any(type(r) in (ObjectRef, FunctionRef) for r in v.refs) for v in values):
            return None
        return (
            ref.info,
            tuple(_memo_value(v) for v in args),
            tuple((k, _memo_value(v)) for k, v in keywords.items()),
        )

    def activate(
        self,
        ref: FunctionRef,
        args: list[Value],
        keywords: dict[str, Value],
        node: ast.AST,
        handler: str = "",
    ) -> Value:
        """Run a function without asking whether it should be."""
        info = ref.info
        frame = self.new_frame()
        site = (*self.here.site[-4:], node) if self.stack else (node,)
        names = self._parameters(ref, args, keywords, node)
        self.state.frames[frame] = names
        activation = Activation(frame, info.module, info, ref.frame, handler, site)
        flowing, self.flowing = self.flowing, Flowing()
        self.stack.append(activation)
        alive = self.alive
        self.alive = True
        try:
            result = self._run_body(activation, info)
        finally:
            self.stack.pop()
            self.flowing = flowing
        returns = self.alive
        self.alive = alive
        if not info.inner:
            self.state.frames.pop(frame, None)
        if not returns:
            raise GoneError
        return result

    def _run_body(self, activation: Activation, info: FunctionInfo) -> Value:
        body = info.node.body
        if isinstance(body, list):
            self.run(body)
            self.finishing(activation)
        else:
            activation.returned.append((self.eval(body), self.state))
            self.alive = False
        values = [value for value, _ in activation.returned]
        after: State | None = self.state if self.alive else None
        if self.alive and self.wanted() is not True:
            values.append(NONE)
        elif self.alive:
            after = None
        for _, state in activation.returned:
            after = joined(after, state)
        self.alive = after is not None
        if after is not None:
            self.state = after
        if activation.yielded:
            return self.allocate(self.state, info.node, Object("list", rest=join_all(activation.yielded)))
        return join_all(values) if values else UNKNOWN

    def finishing(self, activation: Activation) -> None:
        """Hook: a function's own code has been run."""

    def wanted(self) -> bool | None:
        """The truth value the caller asks of the running function."""
        return self._wanted.get(len(self.stack))

    def call_wanting(self, call: ast.Call, ref: object, truth: bool) -> None:
        """Run a function once more, keeping only the ways on which it returns ``truth``."""
        if not isinstance(ref, FunctionRef) or len(self.stack) > MAX_DEPTH:
            return
        args, keywords = self.arguments(call)
        if not self._carries(ref, args, keywords):
            # Nothing in it can be found harmless.
            return
        depth = len(self.stack) + 1
        before = self.state.copy(self.here.frame)
        self._wanted[depth] = truth
        try:
            self.activate(ref, args, keywords, call)
        except GoneError:
            self.state = before
        finally:
            del self._wanted[depth]

    def _parameters(
        self, ref: FunctionRef, args: list[Value], keywords: dict[str, Value], node: ast.AST
    ) -> dict[str, Value]:
        """The first values of a function's variables."""
        arguments = ref.info.node.args
        names: dict[str, Value] = {}
        given = [ref.bound, *args] if ref.bound is not None else list(args)
        positional = [*arguments.posonlyargs, *arguments.args]
        for parameter, value in zip(positional, given, strict=False):
            names[parameter.arg] = self._passed(value, parameter.arg, node)
        extra = given[len(positional) :]
        rest = dict(keywords)
        for parameter in [*positional, *arguments.kwonlyargs]:
            if parameter.arg in rest:
                names[parameter.arg] = self._passed(rest.pop(parameter.arg), parameter.arg, node)
        self._defaults(ref, names)
        for parameter in [*positional, *arguments.kwonlyargs]:
            names.setdefault(parameter.arg, rest.get("**", UNKNOWN))
        if arguments.vararg is not None:
            names[arguments.vararg.arg] = self.allocate(
                self.state, arguments.vararg, Object("tuple", items=tuple(extra))
            )
        if arguments.kwarg is not None:
            cells = {name: value for name, value in rest.items() if name != "**"}
            names[arguments.kwarg.arg] = self.allocate(
                self.state, arguments.kwarg, Object("dict", cells, rest=rest.get("**"))
            )
        return names

    def _passed(self, value: Value, name: str, node: ast.AST) -> Value:
        if not value.taints or not hasattr(node, "lineno"):
            return value
        return value.with_step(self.step(node, f"passed on as `{name}`"))

    def _defaults(self, ref: FunctionRef, names: dict[str, Value]) -> None:
        info = ref.info
        arguments = info.node.args
        positional = [*arguments.posonlyargs, *arguments.args]
        pairs = list(zip(reversed(positional), reversed(arguments.defaults), strict=False))
        pairs += [
            (p, d) for p, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d is not None
        ]
        for parameter, default in pairs:
            if parameter.arg not in names:
                names[parameter.arg] = self.in_module(info.module, default, ref.frame)

    def in_module(self, home: ModuleInfo, node: ast.expr, frame: int = 0) -> Value:
        """The value of an expression at the module level of a file, or in a closure's frame."""
        outer = self.outer_of(frame) if frame else 0
        self.stack.append(Activation(frame or home.frame, home, None, outer, "", (home.path,)))
        try:
            return self.eval(node)
        finally:
            self.stack.pop()

    # Classes

    def mro(self, info: ClassInfo) -> list[ClassInfo]:
        """A class and its bases within the program, depth first."""
        if info not in self._mro:
            self._mro[info] = [info]
            order = [info]
            for base in self.bases(info):
                order += [each for each in self.mro(base) if each not in order]
            self._mro[info] = order
        return self._mro[info]

    def bases(self, info: ClassInfo) -> list[ClassInfo]:
        """The classes of the program that a class is derived from."""
        found: list[ClassInfo] = []
        values = self.base_values.get(info)
        if values is None:
            values = [self.in_module(info.module, base) for base in info.node.bases]
        for value in values:
            found += [ref.info for ref in value.refs if type(ref) is ClassRef and ref.info is not info]
        return found

    def find_method(self, info: ClassInfo, name: str) -> FunctionInfo | None:
        """The method a class or its bases have."""
        for each in self.mro(info):
            if name in each.methods:
                return each.methods[name]
        return None

    def instance(
        self, info: ClassInfo, args: list[Value], keywords: dict[str, Value], node: ast.AST
    ) -> Value:
        """A new object of a class of the program."""
        value = self.allocate(self.state, node, Object("object", cls=info))
        init = self.find_method(info, "__init__")
        if init is not None:
            self.call_function(FunctionRef(init, 0, value), args, keywords, node)
            return value
        fields = self._record_fields(info)
        if fields is None:
            if args or keywords:
                inside = mixed([self.deep(each) for each in (*args, *keywords.values())])
                for key, obj in self.objects(self.state, value):
                    self.update(key, replace(obj, rest=inside))
            return value
        given = dict(zip(fields, args, strict=False)) | {k: v for k, v in keywords.items() if k in fields}
        for key, obj in self.objects(self.state, value):
            self.update(key, replace(obj, cells={**obj.cells, **given}))
        return value

    def _record_fields(self, info: ClassInfo) -> list[str] | None:
        """The fields of a dataclass, a named tuple or a model, in the order its constructor takes them."""
        decorated = any(self.decorator_name(d) in RECORDS for d in info.node.decorator_list)
        bases = {ast.unparse(base).rpartition(".")[2] for each in self.mro(info) for base in each.node.bases}
        if not decorated and not bases & {"NamedTuple", "BaseModel", "TypedDict", "SQLModel"}:
            return None
        return [
            statement.target.id
            for each in reversed(self.mro(info))
            for statement in each.node.body
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
        ]


def _widened(value: Value) -> Value:
    return value if value.constants is None else Value(value.taints, refs=value.refs, unknown=True)


def _memo_value(value: Value) -> tuple[object, ...]:
    constants = None if value.constants is None else tuple((type(c), c) for c in value.constants)
    return (constants, value.refs, value.prefix)


__all__ = ["Calls", "Function"]
