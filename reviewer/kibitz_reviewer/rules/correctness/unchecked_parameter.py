"""Parameters that are never asked."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.names import FUNCTIONS
from kibitz_reviewer.rule import Confidence, Finding, Rule, Severity

NEEDS = ("len", "int", "float", "iter", "sorted", "sum", "max", "min", "abs", "round", "open")


class UncheckedParameter(Rule):
    """Public function uses a parameter that may be None as if it never were.

    Its own default says that it may be left out; then the first use fails, far from the caller's mistake.

    Ask for None first, or take the default away.
    """

    severity = Severity.MEDIUM
    confidence = Confidence.MEDIUM
    cwe = (20, 476)
    aliases = ("python/public-method-parameter-validation@v1.0",)
    triggers = ("None",)
    noncompliant = (
        """
        def shout(text=None):
            return text.upper()  # finding
        """,
        """
        from typing import Optional

        class Basket:
            def add(self, items: Optional[list] = None):
                for item in items:  # finding
                    self.put(item)
        """,
    )
    compliant = (
        """
        def shout(text=None):
            if text is None:
                return ""
            return text.upper()
        """,
        """
        def shout(text=None, *, loud=False):
            text = text or "nothing"
            return text.upper() if loud else text.strip()
        """,
        """
        def _shout(text=None):
            return text.upper()
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for function in module.nodes(*FUNCTIONS):
            if (
                function.name.startswith("_")
                or module.enclosing_function(function) is not None
                or _is_stub(function)
            ):
                continue
            for name in _optional(function):
                use = self._first_use(module, function, name)
                if use is not None:
                    yield self.finding(
                        module, use, f"`{name}` may be left out, and is None then. Ask for that first."
                    )

    def _first_use(
        self, module: Module, function: ast.FunctionDef | ast.AsyncFunctionDef, name: str
    ) -> ast.AST | None:
        """Where the parameter is used as if it were there, if nothing looks at it before."""
        for node in sorted(
            (n for n in ast.walk(function) if isinstance(n, ast.Name) and n.id == name),
            key=lambda n: (n.lineno, n.col_offset),
        ):
            if node in function.args.defaults:
                continue
            parent = module.parent(node)
            if module.enclosing_function(node) is not function or any(
                isinstance(a, ast.Lambda | ast.ListComp | ast.GeneratorExp | ast.DictComp | ast.SetComp)
                for a in module.ancestors(node)
                if a is not function
            ):
                return None
            if (
                isinstance(parent, ast.Attribute)
                and parent.value is node
                and isinstance(parent.ctx, ast.Load)
            ):
                return None if _is_conditional(module, node, function) else parent
            if (
                isinstance(parent, ast.Call)
                and parent.args[:1] == [node]
                and module.qualified_name(parent.func) in NEEDS
            ):
                return None if _is_conditional(module, node, function) else parent
            if (isinstance(parent, ast.For) and parent.iter is node) or (
                isinstance(parent, ast.Subscript) and parent.value is node
            ):
                return None if _is_conditional(module, node, function) else parent
            return None
        return None


def _optional(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """The parameters whose default is None."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    pairs = list(zip(reversed(positional), reversed(arguments.defaults), strict=False))
    pairs += [
        (a, d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d is not None
    ]
    return [a.arg for a, d in pairs if isinstance(d, ast.Constant) and d.value is None]


def _is_conditional(module: Module, node: ast.AST, function: ast.AST) -> bool:
    """Whether something decides if the use is reached at all."""
    for around in module.ancestors(node):
        if around is function:
            return False
        if isinstance(
            around, ast.If | ast.IfExp | ast.BoolOp | ast.Try | ast.While | ast.match_case | ast.Assert
        ):
            return True
    return False


def _is_stub(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return bool(function.decorator_list) and any(
        "overload" in ast.unparse(d) or "fixture" in ast.unparse(d) for d in function.decorator_list
    )
