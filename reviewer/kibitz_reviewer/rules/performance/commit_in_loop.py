"""One transaction for each item."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import method
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.loops import loop_around
from kibitz_reviewer.rule import Confidence, Finding, Rule, Severity


class CommitInLoop(Rule):
    """Transaction is committed, or flushed, once for each item of a loop.

    Each commit waits for the disk, each flush for the database: a thousand items are a thousand waits.

    Add all items, then commit once after the loop; or commit every few hundred.
    """

    severity = Severity.MEDIUM
    confidence = Confidence.MEDIUM
    triggers = ("commit", "flush", "save")
    noncompliant = (
        """
        def store(session, rows):
            for row in rows:
                session.add(row)
                session.commit()  # finding
        """,
        """
        def load(connection, lines):
            cursor = connection.cursor()
            for line in lines:
                cursor.execute("INSERT INTO log VALUES (?)", (line,))
                connection.commit()  # finding
        """,
    )
    compliant = (
        """
        def store(session, rows):
            for row in rows:
                session.add(row)
            session.commit()
        """,
        """
        def store(session, rows):
            for number, row in enumerate(rows):
                session.add(row)
                if number % 500 == 0:
                    session.commit()
        """,
        """
        def copy(source, target):
            for block in source:
                target.write(block)
                target.flush()
        """,
        """
        def work(queue, session):
            while True:
                session.add(queue.get())
                session.commit()
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.method_calls("commit", "flush"):
            loop = loop_around(module, call)
            statement = module.enclosing_statement(call)
            if (
                not isinstance(loop, ast.For | ast.AsyncFor)
                or statement is None
                or module.parent(statement) is not loop
            ):
                continue
            if call.args or not DATABASE.search(ast.unparse(call.func)):
                continue
            if any(isinstance(n, ast.Call) and method(n) in WRITES for n in ast.walk(loop)):
                yield self.finding(
                    module, call, "Each item waits for the database. Commit once, after the loop."
                )


DATABASE = re.compile(r"(?i)session|conn|\bdb\b|database|transaction|\bcur")
WRITES = frozenset({"add", "execute", "merge", "delete", "insert", "update", "bulk_save_objects"})
