"""One query for each item."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.loops import loop_around
from kibitz_reviewer.rule import Confidence, Finding, Rule, Severity


class QueryInLoop(Rule):
    """Database is asked once for each item of a loop.

    A hundred items are a hundred round trips, each with its wait; the database could answer all in one.

    Ask once for all (`IN`, `in_bulk`, a join, `select_related`), then loop over the answer.
    """

    severity = Severity.MEDIUM
    confidence = Confidence.MEDIUM
    triggers = ("objects", "execute")
    noncompliant = (
        """
        from shop.models import Customer

        def names(orders):
            result = []
            for order in orders:
                result.append(Customer.objects.get(id=order.customer_id).name)  # finding
            return result
        """,
        """
        def prices(cursor, ids):
            found = {}
            for number in ids:
                cursor.execute("SELECT price FROM items WHERE id = ?", (number,))  # finding
                found[number] = cursor.fetchone()[0]
            return found
        """,
    )
    compliant = (
        """
        from shop.models import Customer

        def names(orders):
            customers = Customer.objects.in_bulk([order.customer_id for order in orders])
            return [customers[order.customer_id].name for order in orders]
        """,
        """
        def store(cursor, rows):
            for table in ("items", "orders"):
                cursor.execute("CREATE TABLE IF NOT EXISTS " + table + " (id)")
            for row in rows:
                cursor.execute("INSERT INTO items VALUES (?, ?)", row)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.method_calls("get", "filter", "execute", "first", "query"):
            loop = loop_around(module, call)
            if not isinstance(loop, ast.For | ast.AsyncFor) or not isinstance(call.func, ast.Attribute):
                continue
            bound = {n.id for n in ast.walk(loop.target) if isinstance(n, ast.Name)}
            given = [*call.args, *(k.value for k in call.keywords)]
            if not any(isinstance(n, ast.Name) and n.id in bound for g in given for n in ast.walk(g)):
                continue
            owner = call.func.value
            is_orm = (
                isinstance(owner, ast.Attribute)
                and owner.attr == "objects"
                and call.func.attr in ("get", "filter")
            )
            text = module.constant(call.args[0], "") if call.args else ""
            is_sql = (
                call.func.attr == "execute"
                and isinstance(text, str)
                and text.lstrip().lower().startswith("select")
            )
            if is_orm or is_sql:
                yield self.finding(
                    module,
                    call,
                    "The database is asked once for each item. Ask once for all, then loop over the answer.",
                )
