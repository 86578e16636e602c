"""Loops over what an object-relational mapper finds, and the relations its items load one by one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.names import COMPREHENSIONS, imports_of

#: What makes a query bring the relations along, or makes its items no objects.
EAGER = frozenset(
    {"select_related", "prefetch_related", "values", "values_list", "options", "annotate_related", "join"}
)
FOREIGN = frozenset({"ForeignKey", "OneToOneField", "GenericForeignKey", "ParentalKey"})
LAZY = frozenset({"relationship", "backref", "Relationship"})
MANAGED = frozenset(
    {"all", "count", "exists", "first", "last", "filter", "exclude", "get", "order_by", "aggregate"}
)
WITHOUT_ARGUMENTS = frozenset({"all", "count", "exists", "first", "last"})


@dataclass(frozen=True, slots=True)
class Walk:
    """A loop over a query: the name of its item, and the code that runs for each."""

    item: str
    body: tuple[ast.AST, ...]
    mapper: str


def lazy_loads(module: Module) -> Iterator[tuple[ast.Attribute, str]]:
    """The places where an item of a query loads a relation by a query of its own, each relation once per loop."""
    relations: dict[str, frozenset[str]] = {}
    for walk in walks(module):
        seen: set[str] = set()
        for node in (inner for part in walk.body for inner in ast.walk(part)):
            if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
                continue
            if node.value.id != walk.item or node.attr in seen or not isinstance(node.ctx, ast.Load):
                continue
            if walk.mapper not in relations:
                relations[walk.mapper] = _relations(module, FOREIGN if walk.mapper == "django" else LAZY)
            if _loads(module, walk, node, relations[walk.mapper]):
                seen.add(node.attr)
                yield node, ast.unparse(node)


def walks(module: Module) -> Iterator[Walk]:
    """The loops of a file that walk over a query which does not bring its relations along."""
    for loop in module.nodes(ast.For, ast.AsyncFor):
        mapper = mapper_of(module, loop.iter)
        if mapper and isinstance(loop.target, ast.Name):
            yield Walk(loop.target.id, tuple(loop.body), mapper)
    for made in module.nodes(*COMPREHENSIONS):
        first = made.generators[0]
        mapper = mapper_of(module, first.iter)
        if mapper and isinstance(first.target, ast.Name):
            parts = [made.key, made.value] if isinstance(made, ast.DictComp) else [made.elt]
            yield Walk(first.target.id, (*parts, *first.ifs), mapper)


def mapper_of(module: Module, node: ast.expr) -> str:
    """``django`` or ``sqlalchemy`` if ``node`` is a query of it whose items load their relations late; else nothing."""
    methods: set[str] = set()
    value = module.value_of(node)
    while True:
        if isinstance(value, ast.Call):
            if (
                isinstance(value.func, ast.Attribute)
                and value.func.attr in ("execute", "scalars")
                and value.args
            ):
                inner = module.value_of(value.args[0])
                return mapper_of(module, inner) if isinstance(inner, ast.Call) else ""
            name = module.qualified_name(value.func) or ""
            if name.startswith(("sqlalchemy.", "sqlmodel.")) and name.endswith("select"):
                return "" if methods & EAGER else "sqlalchemy"
            value = value.func
        elif isinstance(value, ast.Attribute):
            methods.add(value.attr)
            if value.attr == "objects":
                return "" if methods & EAGER else "django"
            if value.attr == "query" and "sqlalchemy" in {name.partition(".")[0] for name in module.imported}:
                return "" if methods & EAGER else "sqlalchemy"
            value = module.value_of(value.value)
        elif isinstance(value, ast.Subscript):
            value = value.value
        else:
            return ""


def _loads(module: Module, walk: Walk, node: ast.Attribute, relations: frozenset[str]) -> bool:
    """Whether ``item.attr`` asks the database."""
    parent = module.parent(node)
    if walk.mapper == "sqlalchemy":
        return node.attr in relations
    if not isinstance(parent, ast.Attribute):
        return False
    call = module.parent(parent)
    if isinstance(call, ast.Call) and call.func is parent and parent.attr in MANAGED:
        plain = not call.args and not call.keywords
        return (
            plain if parent.attr in WITHOUT_ARGUMENTS else bool(call.keywords) or node.attr.endswith("_set")
        )
    return node.attr in relations


def _relations(module: Module, makers: frozenset[str]) -> frozenset[str]:
    """The names of the fields that are relations, in this file and in those of the program it imports from."""
    found = set(_declared(module, makers))
    space = module.workspace
    for statement in module.nodes(ast.ImportFrom) if space is not None else []:
        owners = {qualified.rpartition(".")[0] or "." for _, qualified in imports_of(statement)}
        for owner in owners:
            path = space.resolve(owner, module.path) if space is not None else None
            other = space.module(path) if space is not None and path is not None else None
            if other is not None and other.words & makers:
                found |= set(_declared(other, makers))
    return frozenset(found)


def _declared(module: Module, makers: frozenset[str]) -> Iterator[str]:
    for node in module.nodes(ast.Assign, ast.AnnAssign):
        if not isinstance(module.parent(node), ast.ClassDef) or not isinstance(node.value, ast.Call):
            continue
        if ast.unparse(node.value.func).rpartition(".")[2] in makers:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))
