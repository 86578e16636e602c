"""One query for each item."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.loops import loop_around, repeats
from kibitz_reviewer.engines.names import COMPREHENSIONS
from kibitz_reviewer.engines.querysets import lazy_loads
from kibitz_reviewer.rule import Confidence, Finding, Rule, Severity


class QueryInLoop(Rule):
    """Database is asked once for each item of a loop.

    A hundred items are a hundred round trips, each with its wait; the database could answer all in one.

    Ask once for all (`IN`, `in_bulk`, a join, `select_related`), then loop over the answer.
    """

    severity = Severity.MEDIUM
    confidence = Confidence.MEDIUM
    triggers = ("objects", "execute", "query", "select")
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
        """
        from django.db import models

        class Order(models.Model):
            customer = models.ForeignKey("Customer", on_delete=models.CASCADE)

        def addresses():
            for order in Order.objects.filter(sent=False):
                yield order.customer.address, order.item_set.count()  # finding
        """,
        """
        from sqlalchemy import select
        from sqlalchemy.orm import DeclarativeBase, relationship

        class Team(DeclarativeBase):
            players = relationship("Player")

        def sizes(session):
            return {team.id: len(team.players) for team in session.scalars(select(Team))}  # finding
        """,
    )
    compliant = (
        """
        from django.db import models
        from shop.models import Customer

        class Order(models.Model):
            customer = models.ForeignKey(Customer, on_delete=models.CASCADE)

        def addresses():
            for order in Order.objects.filter(sent=False).select_related("customer"):
                yield order.customer.address
            for order in Order.objects.all():
                yield order.customer_id, order.created.year, order.tags.count("new")
        """,
        """
        from sqlalchemy import select
        from sqlalchemy.orm import DeclarativeBase, relationship, selectinload

        class Team(DeclarativeBase):
            players = relationship("Player")

        def sizes(session):
            query = select(Team).options(selectinload(Team.players))
            return {team.id: len(team.players) for team in session.scalars(query)}
        """,
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
        lines: set[int] = set()
        for node, relation in lazy_loads(module):
            if node.lineno not in lines:
                lines.add(node.lineno)
                yield self.finding(
                    module,
                    node,
                    f"`{relation}` is loaded by a query of its own for each item. Let the query of the loop bring it along "
                    "(`select_related`, `prefetch_related`, `selectinload`).",
                )
        for call in module.method_calls("get", "filter", "execute", "first", "query"):
            bound = _turning(module, call)
            if not bound or not isinstance(call.func, ast.Attribute):
                continue
            given = [*call.args, *(k.value for k in call.keywords)]
            if not any(isinstance(n, ast.Name) and n.id in bound for g in given for n in ast.walk(g)):
                continue
            owner = call.func.value
            is_orm = (
                isinstance(owner, ast.Attribute)
                and owner.attr == "objects"
                and call.func.attr in ("get", "filter")
                and bool(call.keywords)
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


def _turning(module: Module, call: ast.Call) -> set[str]:
    """The names that change with each turn of the loop or comprehension around a call."""
    loop = loop_around(module, call)
    targets: list[ast.expr] = [loop.target] if isinstance(loop, ast.For | ast.AsyncFor) else []
    if not targets and repeats(module, call):
        made = next((a for a in module.ancestors(call) if isinstance(a, COMPREHENSIONS)), None)
        targets = [generator.target for generator in made.generators] if made is not None else []
    return {n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)}
