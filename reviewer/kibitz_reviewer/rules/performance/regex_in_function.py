"""Patterns compiled again and again."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.edits import code_of, is_local
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.engines.loops import repeats
from kibitz_reviewer.engines.text import text_of
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity

CACHES = ("functools.cache", "functools.lru_cache", "functools.cached_property")


class RegexInFunction(Rule):
    """Constant regular expression is compiled on every call.

    `re.compile` inside a function looks the pattern up in a cache of 512 entries at each call, and compiles it again once others
    have pushed it out, which is slow: compiling costs a thousand times a short match.

    Compile it once, at module level: `PATTERN = re.compile(...)`.
    """

    severity = Severity.LOW
    aliases = ("python/use-of-inefficient-api@v1.0",)
    triggers = ("re", "regex")
    fix = Applicability.SAFE
    fix_title = "Compile it once"
    noncompliant = (
        r"""
        import re

        def is_code(text):
            pattern = re.compile(r"[A-Z]{3}-\d+")  # finding
            return pattern.fullmatch(text) is not None
        """,
        r"""
        import re

        class Parser:
            def parse(self, lines):
                for line in lines:
                    yield re.compile("a+b", re.I).sub("", line)  # finding
        """,
    )
    compliant = (
        r"""
        import re

        CODE = re.compile(r"[A-Z]{3}-\d+")

        def is_code(text):
            return CODE.fullmatch(text) is not None
        """,
        r"""
        import re

        def matcher(word):
            return re.compile(rf"\b{re.escape(word)}\b")
        """,
        r"""
        import functools
        import re

        @functools.cache
        def pattern():
            return re.compile("a+b")

        class Lazy:
            def __init__(self):
                self.pattern = re.compile("a+b")
        """,
        r"""
        import re

        _pattern = None

        def pattern():
            global _pattern
            if _pattern is None:
                _pattern = re.compile("a+b")
            return _pattern
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls("re.compile", "regex.compile"):
            function = module.enclosing_function(call)
            if function is not None and module.enclosing_statement(call) is function:
                continue  # a default or a decorator: it runs once
            if function is None or not call.args or not text_of(module, call.args[0]).is_constant:
                continue
            if not repeats(module, call) and (_is_kept(module, call) or _runs_once(module, function)):
                continue
            yield self.finding(module, call, "This pattern never changes. Compile it once, at module level.")

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        made = repair.target
        if not isinstance(made, ast.Call) or any(
            isinstance(n, ast.Name) and is_local(repair.module, n) for n in ast.walk(made)
        ):
            return None
        statement = repair.module.enclosing_statement(made)
        wanted = "PATTERN"
        if (
            isinstance(statement, ast.Assign)
            and statement.value is made
            and isinstance(statement.targets[0], ast.Name)
        ):
            wanted = statement.targets[0].id.upper()
        return cst.Name(repair.hoist(f"_{wanted.lstrip('_')}", code_of(node)))


def _is_kept(module: Module, call: ast.Call) -> bool:
    """Whether the pattern is stored for later: an attribute, a global, an item, or what the function is there to return."""
    parent = module.parent(call)
    if isinstance(parent, ast.Return):
        return True
    if isinstance(parent, (ast.Dict, ast.List, ast.Tuple, ast.keyword)):
        return True
    if not isinstance(parent, (ast.Assign, ast.AnnAssign)):
        return False
    targets = parent.targets if isinstance(parent, ast.Assign) else [parent.target]
    function = module.enclosing_function(call)
    declared = {
        name
        for node in module.nodes(ast.Global, ast.Nonlocal)
        if module.enclosing_function(node) is function
        for name in node.names
    }
    return any(not isinstance(target, ast.Name) or target.id in declared for target in targets)


def _runs_once(module: Module, function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    names = [each.func if isinstance(each, ast.Call) else each for each in function.decorator_list]
    if any(module.qualified_name(name) in CACHES for name in names):
        return True
    return function.name in ("main", "setup", "__init__", "setUp", "setUpClass") or function.name.startswith(
        "test"
    )
