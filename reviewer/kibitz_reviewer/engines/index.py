"""The light index of one file: typed node lists, parents, names, source; built in one pass, no import of the file."""

from __future__ import annotations

import ast
import functools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, overload

from kibitz_reviewer.engines.names import FUNCTIONS, Binding, Function, Names, imports_of
from kibitz_reviewer.engines.parsing import parse

if TYPE_CHECKING:
    from kibitz_reviewer.dataflow.machine import Flow
    from kibitz_reviewer.dataflow.program import Workspace

Node = TypeVar("Node", bound=ast.AST)
Other = TypeVar("Other", bound=ast.AST)
Third = TypeVar("Third", bound=ast.AST)

SHARED = frozenset(
    kind
    for family in (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop)
    for kind in family.__subclasses__()
)

#: Fields that hold no node, or (contexts and operators) one that the whole interpreter shares: those have no parent.
_PLAIN = frozenset(
    {
        "ctx",
        "op",
        "ops",
        "id",
        "attr",
        "arg",
        "name",
        "asname",
        "module",
        "level",
        "kind",
        "type_comment",
        "conversion",
    }
    | {"simple", "is_async", "tag", "rest", "kwd_attrs"}
)
_OWN_PLAIN = {
    ast.Constant: {"value"},
    ast.Global: {"names"},
    ast.Nonlocal: {"names"},
    ast.MatchSingleton: {"value"},
}
#: For each type of node its fields with nodes in them, the last first.
_CHILDREN = {
    kind: tuple(f for f in reversed(kind._fields) if f not in _PLAIN and f not in _OWN_PLAIN.get(kind, ()))
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST)
}

_NEWLINE = re.compile(r"\r\n|\r|\n")
#: Strings are matched so that what is in them is passed over.
_STRING_OR_COMMENT = re.compile(
    r'''"""[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*"""|\'{3}[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*\'{3}'''
    r"""|"[^"\\\r\n]*(?:\\.[^"\\\r\n]*)*"|'[^'\\\r\n]*(?:\\.[^'\\\r\n]*)*'|#[^\r\n]*""",
    re.DOTALL,
)
_WORD = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True)
class Span:
    """A range of source: 1-based lines and columns (in characters), ``end_column`` exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


class Module:
    """One parsed file, as rules see it. ``path`` is relative, with forward slashes; nodes are those of `ast`."""

    def __init__(self, source: str, path: str = "<source>") -> None:
        """Parse and index ``source``; raises ``UnparsableError`` when no parser we have reads it."""
        self.source = source
        self.path = path
        self.lines = _NEWLINE.split(source)
        #: The files this one belongs to; None: it is looked at on its own.
        self.workspace: Workspace | None = None
        #: Whether values are followed at all.
        self.follows = True
        #: What went wrong in the data flow, if anything did: then it is silent about this file.
        self.flow_error = ""
        parsed = parse(source)
        self.tree = parsed.tree
        #: (first, last) lines that only a newer Python understands, and that no rule has seen.
        self.skipped = parsed.skipped
        self._nodes: dict[type[ast.AST], list[ast.AST]] = defaultdict(list)
        self._order: dict[ast.AST, int] = {}
        self._parents: dict[ast.AST, ast.AST] = {}
        self._walk()

    def _walk(self) -> None:
        """One pass in source order: parents, order, and a list for each type of node."""
        order, nodes, parents = self._order, self._nodes, self._parents
        stack: list[ast.AST] = [self.tree]
        while stack:
            node = stack.pop()
            kind = type(node)
            order[node] = len(order)
            nodes[kind].append(node)
            before = len(stack)
            # Backwards, so that what comes first in the source is on top.
            for field in _CHILDREN[kind]:
                value = getattr(node, field, None)
                if value.__class__ is list:
                    for item in reversed(value):
                        if isinstance(item, ast.AST) and type(item) not in SHARED:
                            stack.append(item)
                elif value is not None:
                    stack.append(value)
            for child in stack[before:]:
                parents[child] = node

    # The tree

    @overload
    def nodes(self, kind: type[Node], /) -> list[Node]: ...
    @overload
    def nodes(self, kind: type[Node], other: type[Other], /) -> list[Node | Other]: ...
    @overload
    def nodes(
        self, kind: type[Node], other: type[Other], third: type[Third], /
    ) -> list[Node | Other | Third]: ...
    @overload
    def nodes(self, *types: type[Any]) -> list[Any]: ...

    def nodes(self, *types: type[Any]) -> list[Any]:
        """All nodes of exactly these types, in source order."""
        if len(types) == 1:
            return self._nodes.get(types[0], [])
        found = [node for kind in types for node in self._nodes.get(kind, [])]
        return sorted(found, key=self._order.__getitem__)

    def ordered(self, nodes: Iterable[Node]) -> list[Node]:
        """These nodes of the file, in source order."""
        return sorted(nodes, key=self._order.__getitem__)

    def parent(self, node: ast.AST) -> ast.AST | None:
        """The node around ``node``; None for the module itself."""
        return self._parents.get(node)

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """The nodes around ``node``, innermost first."""
        parent = self._parents.get(node)
        while parent is not None:
            yield parent
            parent = self._parents.get(parent)

    def enclosing_function(self, node: ast.AST) -> Function | None:
        """The innermost ``def`` around ``node``, itself excluded."""
        return next((around for around in self.ancestors(node) if isinstance(around, FUNCTIONS)), None)

    def enclosing_class(self, node: ast.AST) -> ast.ClassDef | None:
        """The innermost class around ``node``, itself excluded."""
        return next((around for around in self.ancestors(node) if isinstance(around, ast.ClassDef)), None)

    def enclosing_statement(self, node: ast.AST) -> ast.stmt | None:
        """The statement ``node`` is part of (or is)."""
        return next((n for n in (node, *self.ancestors(node)) if isinstance(n, ast.stmt)), None)

    def scope_name(self, node: ast.AST) -> str:
        """The dotted name of the definitions around ``node``: ``Cart.total``; empty at module level."""
        around = [n.name for n in self.ancestors(node) if isinstance(n, (*FUNCTIONS, ast.ClassDef))]
        return ".".join(reversed(around))

    def within(self, node: ast.AST, *types: type[Node]) -> Iterator[Node]:
        """Nodes of these types in ``node``'s own code, in source order: nested functions and classes are left out."""
        stack = list(ast.iter_child_nodes(node))[::-1]
        while stack:
            inner = stack.pop()
            if isinstance(inner, types):
                yield inner
            if not isinstance(inner, (*FUNCTIONS, ast.ClassDef, ast.Lambda)):
                stack.extend(reversed(list(ast.iter_child_nodes(inner))))

    # Names

    @functools.cached_property
    def names(self) -> Names:
        """The file's scopes and bindings, worked out when first asked for."""
        return Names(self)

    def qualified_name(self, node: ast.AST | None) -> str | None:
        """What ``node`` is called where it comes from, or None if the file does not tell.

        ``sp.run`` after ``import subprocess as sp`` is ``subprocess.run``; a builtin is its bare name (``open``);
        a relative import keeps its dots (``.models.User``). A variable bound to one call takes that call's name with
        ``()``: after ``s3 = boto3.client("s3")``, ``s3.put_object`` is ``boto3.client().put_object``; so do ``with``
        targets and attributes of ``self``. A subscript adds ``[]``. Any other rebinding makes the name unknown.
        """
        return None if node is None else self.names.qualified(node)

    def bindings(self, name: ast.Name) -> list[Binding]:
        """All bindings the name has in the scope it belongs to; empty if it is bound nowhere in the file."""
        return self.names.bindings(name.id, name) or []

    def value_of(self, node: ast.expr) -> ast.expr:
        """The expression behind a name that is bound exactly once to one; else ``node`` itself."""
        for _ in range(8):
            if not isinstance(node, ast.Name):
                break
            found = self.bindings(node)
            if (
                len(found) != 1
                or found[0].value is None
                or isinstance(self.parent(found[0].node), ast.withitem)
            ):
                break
            node = found[0].value
        return node

    def constant(self, node: ast.AST | None, default: object = None) -> object:
        """The value of a literal, or of a name bound once to one; ``default`` if it is no constant.

        An absent argument (None) gives ``default`` too. Pass an own sentinel to tell a literal None apart.
        """
        if not isinstance(node, ast.expr):
            return default
        value = self.value_of(node)
        if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.USub):
            inner = self.constant(value.operand)
            return -inner if isinstance(inner, int | float) else default
        return value.value if isinstance(value, ast.Constant) else default

    def definition(self, node: ast.AST) -> Function | ast.ClassDef | None:
        """The function or class of this file that a name refers to, if it is defined once."""
        found = self.bindings(node) if isinstance(node, ast.Name) else []
        first = found[0].node if len(found) == 1 else None
        return first if isinstance(first, (*FUNCTIONS, ast.ClassDef)) else None

    # Data flow

    @functools.cached_property
    def _analysed(self) -> tuple[list[Flow], dict[tuple[str, ast.AST], bool]]:
        if not self.follows:
            return [], {}
        from kibitz_reviewer.dataflow.analysis import flows_of

        try:
            return flows_of(self, self.workspace)
        except Exception as error:
            self.flow_error = f"{type(error).__name__}: {error}"
            return [], {}

    def forget(self) -> None:
        """Let go of what was worked out about the file, most of which refers back to it."""
        for name in ("names", "_analysed", "_calls"):
            self.__dict__.pop(name, None)

    def flows(self, kind: str) -> list[Flow]:
        """The ways on which what an outsider controls does harm of ``kind``; followed when first asked for."""
        return [flow for flow in self._analysed[0] if flow.kind == kind]

    def is_harmless(self, kind: str, node: ast.AST) -> bool | None:
        """Whether the data flow knows what reaches the sink ``node``: True harmless, False not, None not looked at."""
        return self._analysed[1].get((kind, node))

    # Calls and imports

    @functools.cached_property
    def _calls(self) -> dict[str, list[ast.Call]]:
        table: dict[str, list[ast.Call]] = defaultdict(list)
        for call in self.nodes(ast.Call):
            name = self.qualified_name(call.func)
            if name is not None:
                table[name].append(call)
        return table

    def calls(self, *names: str) -> list[ast.Call]:
        """Calls of the functions so called (qualified names), in source order. ``"boto3.*"`` takes all beneath."""
        found: list[ast.Call] = []
        for name in names:
            if name.endswith(".*"):
                found += [
                    call for key, calls in self._calls.items() if key.startswith(name[:-1]) for call in calls
                ]
            else:
                found += self._calls.get(name, [])
        return sorted(found, key=self._order.__getitem__)

    def method_calls(self, *names: str) -> list[ast.Call]:
        """Calls of a method of one of these names (``.execute(...)``) on whatever object, in source order."""
        calls = self.nodes(ast.Call)
        return [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr in names]

    @functools.cached_property
    def imported(self) -> frozenset[str]:
        """The modules (and their parents) and names the file imports, qualified: {"boto3", "os", "os.path"}."""
        found = set()
        for node in self.nodes(ast.Import, ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in (*names, *(qualified for _, qualified in imports_of(node))):
                parts = name.split(".")
                found |= {".".join(parts[:count]) for count in range(1, len(parts) + 1)}
        return frozenset(found)

    # Source

    @functools.cached_property
    def functions_within(self) -> dict[ast.AST, list[ast.AST]]:
        """By function or lambda those made within it, at whatever depth, in source order; only where there are any."""
        within: dict[ast.AST, list[ast.AST]] = defaultdict(list)
        for node in self.nodes(*FUNCTIONS, ast.Lambda):
            for around in self.ancestors(node):
                if isinstance(around, (*FUNCTIONS, ast.Lambda)):
                    within[around].append(node)
        return dict(within)

    @functools.cached_property
    def words(self) -> frozenset[str]:
        """Every identifier-like word of the text, comments and strings included."""
        return words_of(self.source)

    def position(self, node: ast.AST) -> tuple[int, int, int, int]:
        """(line, column, end line, end column) of the whole node, 1-based, in characters, end exclusive."""
        line = getattr(node, "lineno", 1)
        end_line = getattr(node, "end_lineno", None) or line
        column = self._characters(line, getattr(node, "col_offset", 0))
        return line, column, end_line, self._characters(end_line, getattr(node, "end_col_offset", None) or 0)

    def span(self, node: ast.AST) -> Span:
        """Where a finding about ``node`` points: the node, or the first line of a compound statement."""
        line, column, end_line, end_column = self.position(node)
        if isinstance(node, ast.stmt | ast.ExceptHandler) and isinstance(getattr(node, "body", None), list):
            return Span(line, column, line, len(self.line(line).rstrip()) + 1)
        return Span(line, column, end_line, end_column)

    def segment(self, node: ast.AST) -> str:
        """The source text of the whole node."""
        return self.text(Span(*self.position(node)))

    def text(self, span: Span) -> str:
        """The source text of a range, lines joined by newlines."""
        lines = self.lines[span.line - 1 : span.end_line]
        if not lines:
            return ""
        lines[-1] = lines[-1][: span.end_column - 1]
        lines[0] = lines[0][span.column - 1 :]
        return "\n".join(lines)

    def line(self, number: int) -> str:
        """The text of a 1-based line; empty past the end."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""

    @functools.cached_property
    def comments(self) -> dict[int, str]:
        """Comments by line, ``#`` included; as far as the file can be tokenized."""
        return comments_of(self.source)

    def _characters(self, line: int, offset: int) -> int:
        """The 1-based column in characters for a 0-based offset in UTF-8 bytes, which is what `ast` counts."""
        text = self.line(line)
        if text.isascii():
            return offset + 1
        return len(text.encode("utf-8", "surrogatepass")[:offset].decode("utf-8", "replace")) + 1


def words_of(source: str) -> frozenset[str]:
    """Every identifier-like word of a text."""
    return frozenset(_WORD.findall(source))


def comments_of(source: str) -> dict[int, str]:
    """Comments by 1-based line of a source text; what looks like one within a string is none."""
    found: dict[int, str] = {}
    line, at = 1, 0
    for match in _STRING_OR_COMMENT.finditer(source) if "#" in source else ():
        if match[0][0] == "#":
            line += len(_NEWLINE.findall(source, at, match.start()))
            at = match.start()
            found[line] = match[0].rstrip()
    return found
