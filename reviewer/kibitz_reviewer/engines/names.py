"""Which name means what: scopes, bindings and qualified names, from the index alone.

Flow-insensitive on purpose: a name has the meanings all its bindings in its scope give it. If they do not agree,
the name means nothing and rules stay quiet.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from kibitz_reviewer.engines.index import Module

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
SCOPES = (ast.Module, *FUNCTIONS, ast.ClassDef, ast.Lambda, *COMPREHENSIONS)
BUILTINS = frozenset(dir(builtins))
MAX_HOPS = 8
#: What hands on what it is given, to be closed in the end.
CLOSING = frozenset({"contextlib.closing", "contextlib.aclosing", "contextlib.nullcontext"})


@dataclass(frozen=True, slots=True)
class Binding:
    """One way a name gets its meaning: an import (``qualified``), a value, a definition, or something opaque."""

    node: ast.AST
    value: ast.expr | None = None
    qualified: str | None = None

    @property
    def is_none(self) -> bool:
        """``name = None``: a placeholder, which takes no meaning away (``except ImportError: yaml = None``)."""
        return isinstance(self.value, ast.Constant) and self.value.value is None


Table: TypeAlias = dict[ast.AST, dict[str, list[Binding]]]


class Names:
    """The names of one module: bindings per scope, resolved on demand and remembered."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._redirected: dict[ast.AST, dict[str, ast.AST]] = {}
        self._declare()
        self._table: Table = {}
        self._attributes: dict[ast.AST, dict[str, list[Binding]]] = {}
        self._collect()
        self._known: dict[ast.AST, str | None] = {}

    def scope(self, node: ast.AST) -> ast.AST:
        """The function, lambda, comprehension, class or module whose names ``node`` sees."""
        inner: ast.AST | None = None
        child, parent = node, self._module.parent(node)
        while parent is not None:
            if isinstance(parent, SCOPES) and _is_inside(parent, child, inner):
                return parent
            inner, child, parent = child, parent, self._module.parent(parent)
        return child

    def bindings(self, name: str, node: ast.AST) -> list[Binding] | None:
        """The bindings ``name`` has where ``node`` stands; None if it is bound nowhere in the file."""
        scope = self.scope(node)
        first = True
        while True:
            home = self._redirected.get(scope, {}).get(name, scope)
            found = self._table.get(home, {}).get(name)
            # The names of a class body are not seen from the functions in it.
            if found and (first or not isinstance(home, ast.ClassDef)):
                return found
            if isinstance(scope, ast.Module):
                return None
            scope, first = self.scope(scope), False

    def qualified(self, node: ast.AST, hops: int = 0) -> str | None:
        """``subprocess.run`` for whatever the file calls it; ``boto3.client().put`` through a variable; or None."""
        if node in self._known:
            return self._known[node]
        if hops > MAX_HOPS:
            return None
        result = self._qualified(node, hops)
        if hops == 0:
            self._known[node] = result
        return result

    def _qualified(self, node: ast.AST, hops: int) -> str | None:
        if isinstance(node, ast.Name):
            return self._of_name(node, hops)
        if isinstance(node, ast.Attribute):
            base = self.qualified(node.value, hops + 1)
            return self._of_self(node, hops) if base is None else f"{base}.{node.attr}"
        if isinstance(node, ast.Call):
            base = self.qualified(node.func, hops + 1)
            if node.args and (base in CLOSING or (base or "").endswith("Stack().enter_context")):
                return self.qualified(node.args[0], hops + 1)
            return None if base is None else f"{base}()"
        if isinstance(node, ast.Subscript):
            base = self.qualified(node.value, hops + 1)
            return None if base is None else f"{base}[]"
        if isinstance(node, ast.Await):
            return self.qualified(node.value, hops)
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):
            # ``session or requests.Session()``: what was handed over is meant to be of the same kind.
            return self.qualified(node.values[-1], hops + 1)
        return None

    def _of_name(self, node: ast.Name, hops: int) -> str | None:
        found = self.bindings(node.id, node)
        if found is None:
            return node.id if node.id in BUILTINS else None
        return self._agreed(found, hops)

    def _agreed(self, found: list[Binding], hops: int) -> str | None:
        """The one qualified name all bindings lead to; of alternative imports, the last (the fallback)."""
        if any(b.qualified for b in found) and all(b.qualified or b.is_none for b in found):
            return next(b.qualified for b in reversed(found) if b.qualified)
        meanings = set()
        for binding in found:
            if binding.is_none and len(found) > 1:
                continue
            if binding.qualified is not None:
                meanings.add(binding.qualified)
            elif binding.value is not None:
                meanings.add(self.qualified(binding.value, hops + 1) or "")
            elif isinstance(binding.node, ast.arg) and binding.node.annotation is not None:
                meanings.add(self._of_annotation(binding.node.annotation, hops + 1))
            else:
                return None
        return (meanings.pop() or None) if len(meanings) == 1 else None

    def _of_annotation(self, node: ast.expr, hops: int) -> str:
        """``requests.Session()`` for a parameter that is said to be one, None or a quoted name allowed; else nothing."""
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            node = node.left if not _is_none(node.left) else node.right
        if isinstance(node, ast.Subscript) and ast.unparse(node.value).rpartition(".")[2] in (
            "Optional",
            "Annotated",
        ):
            node = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice
        if not isinstance(node, ast.Name | ast.Attribute):
            return ""
        name = self.qualified(node, hops)
        return f"{name}()" if name is not None and "." in name and "(" not in name else ""

    def _of_self(self, node: ast.Attribute, hops: int) -> str | None:
        """``self.client`` where the class binds it (in a method or its body)."""
        owner = self.owner(node.value)
        if owner is None:
            return None
        found = self._attributes.get(owner, {}).get(node.attr, []) + self._table.get(owner, {}).get(
            node.attr, []
        )
        return self._agreed(found, hops) if found else None

    def owner(self, node: ast.AST) -> ast.ClassDef | None:
        """The class whose instance (or class) ``node`` is, if it is a method's own first parameter."""
        if not isinstance(node, ast.Name):
            return None
        scope = self.scope(node)
        while not isinstance(scope, (*FUNCTIONS, ast.Module)):
            scope = self.scope(scope)
        if not isinstance(scope, FUNCTIONS):
            return None
        parameters = [*scope.args.posonlyargs, *scope.args.args]
        parent = self._module.parent(scope)
        is_own = bool(parameters) and parameters[0].arg == node.id and isinstance(parent, ast.ClassDef)
        return parent if is_own and isinstance(parent, ast.ClassDef) else None

    def _declare(self) -> None:
        """Note what ``global`` and ``nonlocal`` redirect."""
        for node in self._module.nodes(ast.Global, ast.Nonlocal):
            scope = self.scope(node)
            home: ast.AST = self._module.tree
            if isinstance(node, ast.Nonlocal):
                home = self.scope(scope)
            for name in node.names:
                self._redirected.setdefault(scope, {})[name] = home

    def _collect(self) -> None:
        module = self._module
        for name in module.nodes(ast.Name):
            if not isinstance(name.ctx, ast.Load):
                self._bind_target(name)
        for statement in module.nodes(ast.Import, ast.ImportFrom):
            for local, qualified in imports_of(statement):
                self._bind(statement, local, Binding(statement, qualified=qualified))
        for definition in module.nodes(*FUNCTIONS, ast.ClassDef):
            self._bind(definition, definition.name, Binding(definition))
        for node, local in self._opaque():
            self._bind(node, local, Binding(node))
        for attribute in module.nodes(ast.Attribute):
            if isinstance(attribute.ctx, ast.Store):
                self._bind_attribute(attribute)

    def _opaque(self) -> Iterator[tuple[ast.AST, str]]:
        """Names whose value the file does not show: parameters, caught exceptions, captures of ``match``."""
        for parameter in self._module.nodes(ast.arg):
            yield parameter, parameter.arg
        for handler in self._module.nodes(ast.ExceptHandler, ast.MatchAs, ast.MatchStar):
            if handler.name:
                yield handler, handler.name
        for mapping in self._module.nodes(ast.MatchMapping):
            if mapping.rest:
                yield mapping, mapping.rest

    def _bind(self, at: ast.AST, name: str, binding: Binding) -> None:
        scope = self.scope(at)
        home = self._redirected.get(scope, {}).get(name, scope)
        self._table.setdefault(home, {}).setdefault(name, []).append(binding)

    def _bind_target(self, node: ast.Name) -> None:
        statement = self._module.parent(node)
        if isinstance(statement, ast.AnnAssign) and statement.value is None:
            return
        at: ast.AST = node
        while isinstance(statement, ast.NamedExpr) and isinstance(self.scope(at), COMPREHENSIONS):
            at = self.scope(at)
        self._bind(at, node.id, Binding(node, value=self.value_given(node)))

    def _bind_attribute(self, node: ast.Attribute) -> None:
        owner = self.owner(node.value)
        if owner is not None:
            cells = self._attributes.setdefault(owner, {})
            cells.setdefault(node.attr, []).append(Binding(node, value=self.value_given(node)))

    def value_given(self, target: ast.expr) -> ast.expr | None:
        """The expression an assignment, ``with`` or walrus gives to ``target``; None if it cannot be told."""
        parent = self._module.parent(target)
        if isinstance(parent, (ast.Assign, ast.AnnAssign, ast.NamedExpr)):
            return parent.value
        if isinstance(parent, ast.withitem):
            return parent.context_expr
        if isinstance(parent, (ast.Tuple, ast.List)):
            return self._unpacked(parent, target)
        return None

    def _unpacked(self, targets: ast.Tuple | ast.List, target: ast.expr) -> ast.expr | None:
        """The element that ``a, b = x, y`` gives to ``target``."""
        assign = self._module.parent(targets)
        value = assign.value if isinstance(assign, ast.Assign) else None
        if not isinstance(value, (ast.Tuple, ast.List)) or len(value.elts) != len(targets.elts):
            return None
        if any(isinstance(element, ast.Starred) for element in (*value.elts, *targets.elts)):
            return None
        return value.elts[targets.elts.index(target)]


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def imports_of(node: ast.Import | ast.ImportFrom) -> list[tuple[str, str]]:
    """(local name, qualified name) of each name an import binds; relative imports keep their leading dots."""
    if isinstance(node, ast.Import):
        return [
            (alias.asname, alias.name) if alias.asname else (alias.name.partition(".")[0],) * 2
            for alias in node.names
        ]
    package = "." * node.level + (node.module or "")
    joint = "" if not package or package.endswith(".") else "."
    return [
        (alias.asname or alias.name, f"{package}{joint}{alias.name}")
        for alias in node.names
        if alias.name != "*"
    ]


def _is_inside(scope: ast.AST, child: ast.AST, inner: ast.AST | None) -> bool:
    """Whether ``child`` of ``scope`` sees the scope's own names: a default or decorator does not."""
    if isinstance(scope, (*FUNCTIONS, ast.ClassDef)):
        return isinstance(child, ast.stmt) or (
            isinstance(child, ast.arguments) and isinstance(inner, ast.arg)
        )
    if isinstance(scope, ast.Lambda):
        return child is scope.body or isinstance(inner, ast.arg)
    if isinstance(scope, COMPREHENSIONS):
        return not (child is scope.generators[0] and inner is scope.generators[0].iter)
    return True
