"""Loops within loops, unseen."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.loops import changed_in, loop_around
from kibitz_reviewer.engines.text import last_values
from kibitz_reviewer.rule import Finding, Rule, Severity

SMALL = 8


class QuadraticLoop(Rule):
    """List is searched from the start at every turn of a loop.

    `x in items`, `items.index(x)`, `items.count(x)`, `items.pop(0)` and `items.insert(0, x)` walk over the whole list. Done once per
    item the time grows with the square: ten times the data takes a hundred times as long. A nested loop that looks for equal
    keys in another list is the same thing written out.

    Keep a `set` or a `dict` beside the list for look-ups, and use `collections.deque` for queues.
    """

    severity = Severity.MEDIUM
    aliases = ("python/use-of-inefficient-api@v1.0",)
    triggers = ("for", "while")
    noncompliant = (
        """
        def unique(items):
            seen = []
            for item in items:
                if item not in seen:  # finding
                    seen.append(item)
            return seen
        """,
        """
        def drain(names):
            queue = list(names)
            while queue:
                yield queue.pop(0)  # finding
        """,
        """
        def join(orders, customers):
            result = []
            for order in orders:
                for customer in customers:  # finding
                    if customer["id"] == order["customer"]:
                        result.append((order, customer))
            return result
        """,
    )
    compliant = (
        """
        def unique(items):
            seen = set()
            for item in items:
                if item not in seen:
                    seen.add(item)
            return seen
        """,
        """
        def vowels(text):
            kinds = ["a", "e", "i"]
            return [letter for letter in text if letter in kinds]
        """,
        """
        from collections import deque

        def drain(names):
            queue = deque(names)
            while queue:
                yield queue.popleft()
        """,
        """
        def parse(rows):
            for row in rows:
                cells = row.split(",")
                if "total" in cells:
                    yield cells.index("total")
        """,
        """
        def flatten(groups):
            for group in groups:
                for item in group.items:
                    if item.kind == group.kind:
                        yield item
        """,
        """
        def retry(actions):
            for action in actions:
                for attempt in range(3):
                    if action.run() == attempt:
                        break
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for compare in module.nodes(ast.Compare):
            is_search = len(compare.ops) == 1 and isinstance(compare.ops[0], (ast.In, ast.NotIn))
            if is_search and _is_searched(module, compare, compare.comparators[0]):
                yield self._found(module, compare, compare.comparators[0], "`in` searches")
        for call in module.method_calls("index", "count", "pop", "insert", "remove"):
            if (
                isinstance(call.func, ast.Attribute)
                and _is_front(module, call)
                and _is_searched(module, call, call.func.value)
            ):
                yield self._found(module, call, call.func.value, f"`{call.func.attr}` walks over")
        for inner in module.nodes(ast.For):
            if _looks_up(module, inner):
                message = "This loop looks for equal keys at every turn of the outer one. Build a dictionary by key once, before it."
                yield self.finding(module, inner, message)

    def _found(self, module: Module, node: ast.AST, items: ast.expr, does: str) -> Finding:
        name = ast.unparse(items)
        message = f"{does} the list `{name}` at every turn of the loop. Keep a set, a dictionary or a `deque` instead."
        return self.finding(module, node, message)


def _is_front(module: Module, call: ast.Call) -> bool:
    """Whether a call of that method touches every item: ``pop()`` at the end does not."""
    attr = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    first = module.constant(call.args[0]) if call.args else None
    if attr == "pop":
        return len(call.args) == 1 and first == 0 and first is not False
    if attr == "insert":
        return len(call.args) == 2 and first == 0
    return len(call.args) == 1


def _is_searched(module: Module, node: ast.AST, items: ast.expr) -> bool:
    """Whether ``items`` is a list that is there before the loop around ``node``, and is not known to be short."""
    loop = loop_around(module, node)
    if loop is None or not isinstance(items, ast.Name):
        return False
    bindings = last_values(module, items)
    if not bindings or not all(
        binding.value is not None and _is_list(module, binding.value) for binding in bindings
    ):
        return False
    outside = [b for b in bindings if not any(around is loop for around in module.ancestors(b.node))]
    return len(outside) == len(bindings) and _may_be_long(module, items, bindings[0].value)


def _is_list(module: Module, node: ast.expr) -> bool:
    if isinstance(node, (ast.List, ast.ListComp)):
        return True
    return isinstance(node, ast.Call) and module.qualified_name(node.func) in ("list", "sorted")


def _may_be_long(module: Module, items: ast.Name, value: ast.expr | None) -> bool:
    """A list written out in the source stays short unless something is added to it in a loop."""
    if not isinstance(value, ast.List) or any(isinstance(element, ast.Starred) for element in value.elts):
        return True
    return any(
        isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == items.id
        and module.enclosing_function(call) is module.enclosing_function(items)
        and (call.func.attr == "extend" or loop_around(module, call) is not None)
        for call in module.method_calls("append", "extend", "insert")
    )


def _looks_up(module: Module, inner: ast.For) -> bool:
    """Whether ``inner`` does nothing but compare a key of its items with one of the outer loop's item."""
    outer = loop_around(module, inner)
    if not isinstance(outer, ast.For) or len(inner.body) != 1 or not isinstance(inner.body[0], ast.If):
        return False
    test = inner.body[0].test
    if not isinstance(test, ast.Compare) or len(test.ops) != 1 or not isinstance(test.ops[0], ast.Eq):
        return False
    if not isinstance(inner.iter, (ast.Name, ast.Attribute)) or inner.body[0].orelse:
        return False
    mine, its = changed_in(inner.target), changed_in(outer.target)
    walked = {n.id for n in ast.walk(inner.iter) if isinstance(n, ast.Name)}
    if walked & changed_in(outer) or _is_short(module, inner.iter):
        return False
    sides = [
        {n.id for n in ast.walk(side) if isinstance(n, ast.Name)} for side in (test.left, test.comparators[0])
    ]
    return any(a & mine and not a & its and b & its and not b & mine for a, b in (sides, sides[::-1]))


def _is_short(module: Module, node: ast.expr) -> bool:
    value = module.value_of(node)
    return isinstance(value, (ast.List, ast.Tuple, ast.Set)) and len(value.elts) <= SMALL
