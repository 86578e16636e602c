"""Classes that are several."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.names import FUNCTIONS
from kibitz_reviewer.rule import Confidence, Finding, Rule, Severity

METHODS = 4


class LowCohesion(Rule):
    """Methods of this class fall into groups that share nothing.

    Each group has its own fields and calls none of the others: the class is several classes under one name, and each reader must
    learn all of them.

    Split it along the groups.
    """

    severity = Severity.INFO
    confidence = Confidence.MEDIUM
    cwe = (1093,)
    aliases = ("python/code-quality-metrics-class-cohesion@v1.0",)
    triggers = ("class",)
    noncompliant = (
        """
        class Shop:  # finding
            def __init__(self):
                self.orders = []
                self.customers = []

            def add_order(self, order):
                self.orders.append(order)

            def open_orders(self):
                return [order for order in self.orders if order.open]

            def add_customer(self, customer):
                self.customers.append(customer)

            def find_customer(self, name):
                return [customer for customer in self.customers if customer.name == name]
        """,
    )
    compliant = (
        """
        class Orders:
            def __init__(self):
                self.orders = []

            def add(self, order):
                self.orders.append(order)

            def open(self):
                return [order for order in self.orders if order.open]

            def count(self):
                return len(self.open())

            def total(self):
                return sum(order.price for order in self.orders)
        """,
        """
        class View(Base):
            def get(self):
                return self.a

            def post(self):
                return self.b

            def put(self):
                return self.c

            def delete(self):
                return self.d
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for node in module.nodes(ast.ClassDef):
            if node.bases and any(ast.unparse(base) != "object" for base in node.bases):
                continue
            groups = _groups(module, node)
            if (
                len(groups) > 1
                and sum(len(group) for group in groups) >= METHODS
                and all(len(group) > 1 for group in groups)
            ):
                yield self.finding(
                    module,
                    node,
                    f"Its methods fall into {len(groups)} groups that share nothing. Split it along them.",
                )


def _groups(module: Module, node: ast.ClassDef) -> list[set[str]]:
    """The methods, grouped by the fields and methods they share."""
    methods = [
        m
        for m in node.body
        if isinstance(m, FUNCTIONS) and not m.name.startswith("__") and m.args.args and not m.decorator_list
    ]
    used: list[tuple[set[str], set[str]]] = []
    for each in methods:
        me = each.args.args[0].arg
        names = {
            n.attr
            for n in ast.walk(each)
            if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id == me
        }
        if not names:
            continue
        group = ({each.name}, names | {each.name})
        for other in [o for o in used if o[1] & group[1]]:
            used.remove(other)
            group = (group[0] | other[0], group[1] | other[1])
        used.append(group)
    return [names for names, _ in used]
