"""How a piece of text is put together within one function: its literal parts, and what is filled in.

An expression is taken apart through f-strings, ``+``, ``%``, ``.format``, ``.join`` and the variables it went through, as
far as the function shows. What cannot be told is a hole; rules decide what a hole means to them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.names import FUNCTIONS, Binding

MAX_DEPTH = 12
MAX_STEPS = 400
HARMLESS_CALLS = frozenset(
    {
        "int",
        "float",
        "len",
        "bool",
        "abs",
        "round",
        "ord",
        "hash",
        "id",
        "sum",
        "shlex.quote",
        "shlex.join",
        "pipes.quote",
    }
    | {"uuid.uuid1", "uuid.uuid4", "time.time", "time.time_ns", "os.getpid", "os.cpu_count", "sys.executable"}
)
_NUMERIC = re.compile(r"%(?:%|[-+ 0#]*\d*(?:\.\d+)?[diouxXeEfFgG])")
_ANY_FIELD = re.compile(r"%(?:\(\w+\))?[-+ 0#]*\d*(?:\.\d+)?[a-zA-Z%]")


@dataclass(slots=True)
class Text:
    """The literal parts joined in order (each hole a NUL), the holes, and whether anything was put together at all."""

    literal: str = ""
    holes: list[ast.expr] = field(default_factory=list)
    built: bool = False
    steps: int = 0

    @property
    def is_constant(self) -> bool:
        """Whether the source shows every character that matters."""
        return not self.holes


def text_of(module: Module, node: ast.expr) -> Text:
    """``node`` taken apart; a number or an otherwise harmless value is no hole."""
    text = Text()
    _take(module, node, text, 0)
    return text


def last_values(module: Module, name: ast.Name) -> list[Binding]:
    """The bindings of ``name`` that can reach this use: an assignment earlier in the same block hides what came before."""
    bindings = module.bindings(name)
    use = module.enclosing_function(name)
    local = [b for b in bindings if module.enclosing_function(b.node) is use]
    if len(local) != len(bindings) or len(bindings) < 2:
        return bindings
    around = set(module.ancestors(name))
    in_loop = any(isinstance(n, (ast.For, ast.AsyncFor, ast.While)) for n in around)
    line = name.lineno
    kill = 0
    for binding in local:
        statement = module.enclosing_statement(binding.node)
        if (
            not isinstance(statement, (ast.Assign, ast.AnnAssign))
            or statement.lineno >= line
            or statement in around
        ):
            continue
        if module.parent(statement) in around and not _in_other_branch(module, statement, around):
            kill = max(kill, statement.lineno)
    return [b for b in local if _line(b.node) >= kill and (in_loop or _line(b.node) <= line)]


def _in_other_branch(module: Module, statement: ast.stmt, around: set[ast.AST]) -> bool:
    """Whether ``statement`` stands in a branch of its parent that the use is not in."""
    parent = module.parent(statement)
    for name in ("body", "orelse", "finalbody", "handlers"):
        block = getattr(parent, name, None)
        if isinstance(block, list) and statement in block:
            return not any(node in around for node in block)
    return False


def _line(node: ast.AST) -> int:
    return getattr(node, "lineno", 0)


def _take(module: Module, node: ast.expr, text: Text, depth: int) -> None:
    text.steps += 1
    if depth > MAX_DEPTH or text.steps > MAX_STEPS:
        _hole(node, text)
    elif isinstance(node, ast.Constant):
        text.literal += node.value if isinstance(node.value, str) else "0"
    elif isinstance(node, ast.JoinedStr):
        text.built = True
        for part in node.values:
            _take(module, part.value if isinstance(part, ast.FormattedValue) else part, text, depth + 1)
    elif isinstance(node, ast.BinOp):
        _take_operation(module, node, text, depth)
    elif isinstance(node, ast.IfExp):
        _take(module, node.body, text, depth + 1)
        _take(module, node.orelse, text, depth + 1)
    elif isinstance(node, ast.Name):
        _take_name(module, node, text, depth)
    elif isinstance(node, ast.Call):
        _take_call(module, node, text, depth)
    elif isinstance(node, ast.Attribute) and node.attr.isupper():
        text.literal += "X"
    elif not isinstance(node, (ast.Compare, ast.UnaryOp)):
        _hole(node, text)


def _take_operation(module: Module, node: ast.BinOp, text: Text, depth: int) -> None:
    if isinstance(node.op, ast.Add):
        text.built = True
        _take(module, node.left, text, depth + 1)
        _take(module, node.right, text, depth + 1)
    elif isinstance(node.op, ast.Mod) and not isinstance(module.constant(node.left, ""), int | float):
        text.built = True
        _take(module, node.left, text, depth + 1)
        pattern = module.constant(node.left)
        if isinstance(pattern, str) and _NUMERIC.sub("", pattern) == _ANY_FIELD.sub("", pattern):
            return
        values = node.right.elts if isinstance(node.right, ast.Tuple) else [node.right]
        if isinstance(node.right, ast.Dict):
            values = list(node.right.values)
        for value in values:
            _take(module, value, text, depth + 1)
    elif isinstance(node.op, ast.Mult):
        for side in (node.left, node.right):
            if isinstance(side, (ast.List, ast.Tuple)):
                for element in side.elts:
                    _take(module, element, text, depth + 1)
            elif isinstance(module.constant(side), str):
                _take(module, side, text, depth + 1)
    elif not isinstance(
        node.op, (ast.Sub, ast.FloorDiv, ast.Pow, ast.LShift, ast.RShift, ast.BitAnd, ast.BitOr)
    ):
        _hole(node, text)


def _take_name(module: Module, node: ast.Name, text: Text, depth: int) -> None:
    bindings = last_values(module, node)
    if not bindings and node.id.isupper():
        text.literal += "X"
        return
    if not bindings:
        _hole(node, text)
    for binding in bindings:
        statement = module.parent(binding.node)
        if (
            binding.value is not None
            and module.enclosing_function(binding.node) is module.enclosing_function(node)
        ) or (binding.value is not None and isinstance(module.constant(binding.value), str | int | float)):
            _take(module, binding.value, text, depth + 1)
        elif isinstance(statement, ast.AugAssign):
            text.built = True
            _take(module, statement.value, text, depth + 1)
        elif _is_counted(module, binding.node) or node.id.isupper():
            text.literal += "X"
        else:
            _hole(node, text)


def _is_counted(module: Module, node: ast.AST) -> bool:
    """Whether a name is a number by its annotation, or takes its values from constants in the source."""
    if isinstance(node, ast.arg):
        return isinstance(node.annotation, ast.Name) and node.annotation.id in ("int", "float", "bool")
    loop = module.parent(node)
    if isinstance(loop, (ast.For, ast.comprehension)) and loop.target is node:
        values = module.value_of(loop.iter)
        if isinstance(values, (ast.List, ast.Tuple, ast.Set)):
            return all(isinstance(element, ast.Constant) for element in values.elts)
        return isinstance(values, ast.Call) and module.qualified_name(values.func) == "range"
    return False


def _take_call(module: Module, node: ast.Call, text: Text, depth: int) -> None:
    name = module.qualified_name(node.func)
    method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    receiver = node.func.value if isinstance(node.func, ast.Attribute) else None
    if name in HARMLESS_CALLS:
        text.literal += "0"
    elif name == "str" and len(node.args) == 1:
        _take(module, node.args[0], text, depth + 1)
    elif method == "format" and receiver is not None and isinstance(module.constant(receiver), str):
        text.built = True
        for value in (receiver, *node.args, *(keyword.value for keyword in node.keywords)):
            _take(module, value, text, depth + 1)
    elif method == "join" and receiver is not None and len(node.args) == 1:
        _take(module, receiver, text, depth + 1)
        mapped = module.value_of(node.args[0])
        if isinstance(mapped, ast.Call) and module.qualified_name(mapped.func) == "map" and mapped.args:
            if module.qualified_name(mapped.args[0]) in HARMLESS_CALLS:
                text.literal += "0"
                return
        for element in _elements(module, node.args[0]):
            _take(module, element, text, depth + 1)
    elif (
        method in ("strip", "lstrip", "rstrip", "lower", "upper", "replace", "encode")
        and receiver is not None
    ):
        _take(module, receiver, text, depth + 1)
    elif (made := _returned(module, node, depth)) is not None:
        text.literal += made
    else:
        _hole(node, text)


def _returned(module: Module, node: ast.Call, depth: int) -> str | None:
    """The text a function of this file gives, if nothing of it depends on what it is handed."""
    function = module.definition(node.func)
    if not isinstance(function, FUNCTIONS) or function.decorator_list:
        return None
    answers = [each.value for each in module.within(function, ast.Return) if each.value is not None]
    made = Text()
    for answer in answers:
        _take(module, answer, made, depth + 1)
    return made.literal if answers and not made.holes else None


def _elements(module: Module, node: ast.expr) -> Iterator[ast.expr]:
    """What a joined sequence is made of."""
    value = module.value_of(node)
    if isinstance(value, (ast.List, ast.Tuple)):
        yield from value.elts
    elif isinstance(value, (ast.GeneratorExp, ast.ListComp)):
        yield value.elt
    else:
        yield value


def _hole(node: ast.expr, text: Text) -> None:
    text.literal += "\0"
    text.holes.append(node)


def parameters_of(module: Module, node: ast.AST) -> frozenset[str]:
    """The names of the parameters of the function around ``node``; none at module level."""
    function = module.enclosing_function(node)
    if not isinstance(function, FUNCTIONS):
        return frozenset()
    arguments = function.args
    every = [
        *arguments.posonlyargs,
        *arguments.args,
        *arguments.kwonlyargs,
        arguments.vararg,
        arguments.kwarg,
    ]
    return frozenset(argument.arg for argument in every if argument is not None)
