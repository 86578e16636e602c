"""Work done only to be undone."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import method
from kibitz_reviewer.engines.edits import calling, code_of
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Confidence, Finding, Rule, Severity


class RoundaboutCall(Rule):
    """Expression does more work than its result needs.

    It sorts to find the smallest, makes a list to count or sort it, or asks `keys()` what the dictionary knows itself.

    Use the call that does just that.
    """

    severity = Severity.LOW
    confidence = Confidence.MEDIUM
    cwe = (1176,)
    aliases = ("python/use-of-inefficient-api@v1.0",)
    fix = Applicability.SUGGESTED
    fix_title = "Say it directly"
    noncompliant = (
        """
        def smallest(numbers):
            return sorted(numbers)[0]  # finding
        """,
        """
        def has(table, key):
            return key in table.keys(), sorted(list(table)), set([1, 2, 3])  # finding
        """,
        """
        def plain(items):
            for index in range(len(items)):  # finding
                print(items[index])
            return list(reversed(sorted(items)))  # finding
        """,
    )
    compliant = (
        """
        def smallest(numbers):
            return min(numbers), sorted(numbers)[1]
        """,
        """
        def has(table, key):
            return key in table, sorted(table), {1, 2, 3}
        """,
        """
        def plain(items):
            for index in range(len(items)):
                items[index] = items[index] + 1
            for index, item in enumerate(items):
                print(index, item)
            return sorted(items, reverse=True)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        said: set[int] = set()
        for node, message in self._found(module):
            line = getattr(node, "lineno", 0)
            if line not in said:
                said.add(line)
                yield self.finding(module, node, message)

    def _found(self, module: Module) -> Iterator[tuple[ast.AST, str]]:
        for part in module.nodes(ast.Subscript):
            if (
                isinstance(part.value, ast.Call)
                and module.qualified_name(part.value.func) == "sorted"
                and module.constant(part.slice, None) in (0, -1)
            ):
                yield part, "All is sorted for one end of it. Use `min` or `max`."
        for test in module.nodes(ast.Compare):
            right = test.comparators[0]
            if (
                isinstance(test.ops[0], ast.In | ast.NotIn)
                and isinstance(right, ast.Call)
                and method(right) == "keys"
                and not right.args
            ):
                yield test, "The dictionary itself knows its keys. Leave `keys()` out."
        for call in module.calls(
            "sorted", "set", "list", "tuple", "sum", "max", "min", "frozenset", "reversed"
        ):
            inner = call.args[0] if len(call.args) == 1 else None
            name = module.qualified_name(call.func)
            if not isinstance(inner, ast.Call | ast.List):
                continue
            made = module.qualified_name(inner.func) if isinstance(inner, ast.Call) else "[]"
            if (
                (name in ("sorted", "set", "frozenset") and made in ("list", "tuple", "sorted"))
                and len(getattr(inner, "args", [])) == 1
                and not getattr(inner, "keywords", [])
            ):
                yield call, f"`{name}` takes anything that can be looped over. Leave `{made}` out."
            elif name == "reversed" and made == "sorted":
                yield call, "Use `sorted(..., reverse=True)`."
            elif name in ("set", "frozenset") and made == "[]" and name == "set":
                yield call, "Write the set itself."
        for loop in module.nodes(ast.For):
            if self._counts_only_to_index(module, loop):
                yield loop, "The index is used for its item only. Loop over the items."

    def _counts_only_to_index(self, module: Module, loop: ast.For) -> bool:
        source = loop.iter
        if (
            not isinstance(source, ast.Call)
            or module.qualified_name(source.func) != "range"
            or len(source.args) != 1
            or not isinstance(loop.target, ast.Name)
        ):
            return False
        inner = source.args[0]
        if (
            not isinstance(inner, ast.Call)
            or module.qualified_name(inner.func) != "len"
            or len(inner.args) != 1
            or not isinstance(inner.args[0], ast.Name)
        ):
            return False
        uses = [
            n for s in loop.body for n in ast.walk(s) if isinstance(n, ast.Name) and n.id == loop.target.id
        ]
        for use in uses:
            parent = module.parent(use)
            if (
                not isinstance(parent, ast.Subscript)
                or not isinstance(parent.ctx, ast.Load)
                or ast.unparse(parent.value) != inner.args[0].id
            ):
                return False
        return bool(uses)

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if isinstance(node, cst.Subscript) and isinstance(made := node.value, cst.Call):
            index = node.slice[0].slice
            last = isinstance(index, cst.Index) and code_of(index.value) == "-1"
            backwards = any(arg.keyword and arg.keyword.value == "reverse" for arg in made.args)
            if backwards or not (isinstance(made.func, cst.Name) and made.func.value == "sorted"):
                return None
            return calling(made, "max" if last else "min")
        if isinstance(node, cst.Comparison):
            part = node.comparisons[0]
            if isinstance(keys := part.comparator, cst.Call) and isinstance(keys.func, cst.Attribute):
                return node.with_changes(comparisons=[part.with_changes(comparator=keys.func.value)])
        return None
