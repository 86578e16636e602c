"""The program around a file: its functions and classes, and those of the files it imports, read when first asked for."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from kibitz_reviewer.engines.index import Module, words_of
from kibitz_reviewer.engines.names import FUNCTIONS, Function, imports_of
from kibitz_reviewer.engines.parsing import UnparsableError
from kibitz_reviewer.sources import UnreadableError, read

MAX_MODULES = 400


@dataclass(eq=False, slots=True)
class FunctionInfo:
    """A function or lambda: where it is, and the class it is a method of."""

    module: ModuleInfo
    node: Function | ast.Lambda
    owner: ClassInfo | None = None

    @property
    def inner(self) -> list[ast.AST]:
        """The functions and lambdas made within it."""
        return self.module.module.functions_within.get(self.node, [])

    @property
    def name(self) -> str:
        """Its name; ``lambda`` for one without."""
        return self.node.name if isinstance(self.node, FUNCTIONS) else "lambda"


@dataclass(eq=False, slots=True)
class ClassInfo:
    """A class, its own methods and its bases as written."""

    module: ModuleInfo
    node: ast.ClassDef
    methods: dict[str, FunctionInfo] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for statement in self.node.body:
            if isinstance(statement, FUNCTIONS):
                self.methods[statement.name] = FunctionInfo(self.module, statement, self)


@dataclass(eq=False, slots=True)
class ModuleInfo:
    """One file of the program. ``frame`` is the number of the frame its globals live in."""

    module: Module
    frame: int
    functions: dict[ast.AST, FunctionInfo] = field(default_factory=dict)
    classes: dict[ast.AST, ClassInfo] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The file's path, as shown."""
        return self.module.path

    def function(self, node: Function | ast.Lambda) -> FunctionInfo:
        """The record of a function of this file."""
        found = self.functions.get(node)
        if found is None:
            parent = self.module.parent(node)
            owner = self.cls(parent) if isinstance(parent, ast.ClassDef) else None
            found = owner.methods.get(getattr(node, "name", "")) if owner is not None else None
            if found is None or found.node is not node:
                found = FunctionInfo(self, node, owner)
            self.functions[node] = found
        return found

    def cls(self, node: ast.ClassDef) -> ClassInfo:
        """The record of a class of this file."""
        found = self.classes.get(node)
        if found is None:
            found = self.classes[node] = ClassInfo(self, node)
        return found


@dataclass(frozen=True, slots=True)
class LettingIn:
    """The functions of ``module`` in which something comes in, and the paths that were asked for to know."""

    module: Module
    functions: frozenset[ast.AST]
    asked: frozenset[str]


class Workspace:
    """The files that belong together: what an import of one of them finds among the others.

    ``texts`` hold sources by path and go before the files beneath ``root``; without a root there are only those. Paths are
    relative to the root, or absolute and below it.
    """

    def __init__(self, root: Path | None = None, texts: Mapping[str, str] | None = None) -> None:
        self.root = root
        #: The paths that were asked for: what is found in a file depends on these.
        self.asked: set[str] = set()
        #: By path (and models) what ``entries.lets_in`` found.
        self.letting_in: dict[tuple[str, int], LettingIn] = {}
        self._texts = dict(texts or {})
        self._modules: dict[str, Module | None] = {}
        self._words: dict[str, frozenset[str]] = {}
        self._found: dict[tuple[str, str], tuple[str | None, frozenset[str]]] = {}

    def module(self, path: str) -> Module | None:
        """The file of that path, indexed; None if there is none that can be read."""
        self.asked.add(path)
        if path not in self._modules:
            if len(self._modules) >= MAX_MODULES:
                return None
            self._modules[path] = self._load(path)
        return self._modules[path]

    def words(self, path: str) -> frozenset[str]:
        """The words of the file of that path, without parsing it; none if it cannot be read."""
        self.asked.add(path)
        if path not in self._words:
            module = self._modules.get(path)
            text = self._text(path) if module is None else None
            self._words[path] = module.words if module is not None else words_of(text or "")
        return self._words[path]

    def parsed(self, path: str, text: str) -> Module | None:
        """The file of that path if it was indexed with this very text."""
        module = self._modules.get(path)
        return module if module is not None and module.source == text else None

    def adopt(self, module: Module) -> None:
        """Use ``module`` as the file of its path."""
        self._modules[module.path] = module

    def resolve(self, dotted: str, importer: str) -> str | None:
        """The path of the module that ``dotted`` names in the file ``importer``; relative names begin with dots."""
        name = dotted.lstrip(".")
        level = len(dotted) - len(name)
        if not level and name.partition(".")[0] in sys.stdlib_module_names:
            return None
        folder = PurePosixPath(importer).parent
        key = (str(folder), dotted)
        if key not in self._found:
            before, self.asked = self.asked, set()
            found = self._resolve(name, level, folder)
            self._found[key] = found, frozenset(self.asked)
            self.asked = before
        path, asked = self._found[key]
        self.asked |= asked
        return path

    def _resolve(self, name: str, level: int, folder: PurePosixPath) -> str | None:
        if level:
            bases = [folder, *folder.parents][level - 1 : level]
        else:
            bases = [folder, *folder.parents, PurePosixPath("src")]
        inner = name.replace(".", "/")
        for base in bases:
            place = base / inner if inner else base
            for candidate in (
                place.with_name(place.name + ".py") if place.name else None,
                place / "__init__.py",
            ):
                if candidate is not None and self._exists(str(candidate)):
                    return str(candidate)
        return None

    def _exists(self, path: str) -> bool:
        self.asked.add(path)
        if path in self._texts or path in self._modules:
            return path in self._texts or self._modules[path] is not None
        if self.root is None or (
            path.startswith("/") and not PurePosixPath(path).is_relative_to(self.root.as_posix())
        ):
            return False
        return (self.root / path).is_file()

    def _load(self, path: str) -> Module | None:
        text = self._text(path)
        try:
            return None if text is None else Module(text, path)
        except UnparsableError:
            return None

    def _text(self, path: str) -> str | None:
        text = self._texts.get(path)
        if text is not None or self.root is None:
            return text
        try:
            return read(self.root / path).text
        except UnreadableError:
            return None


def star_imports(module: Module) -> Iterator[str]:
    """The modules of which a file imports every name."""
    for statement in module.nodes(ast.ImportFrom):
        if any(alias.name == "*" for alias in statement.names):
            yield "." * statement.level + (statement.module or "")


__all__ = ["ClassInfo", "FunctionInfo", "LettingIn", "ModuleInfo", "Workspace", "imports_of", "star_imports"]
