"""SQL put together from strings."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.engines.sql_fix import with_parameters
from kibitz_reviewer.engines.text import text_of
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity

METHODS = (
    "execute",
    "executemany",
    "executescript",
    "raw",
    "fetch",
    "fetchrow",
    "fetchval",
    "read_sql",
    "read_sql_query",
)
_SQL = re.compile(
    r"(?is)\s*(?:select\b.*\bfrom\b|insert\s+(?:or\s+\w+\s+)?into\b|replace\s+into\b|update\b.*\bset\b|delete\s+from\b|with\b.*\bselect\b"
    r"|(?:create|drop|alter|truncate)\s+(?:temp\w*\s+|unique\s+)?(?:table|index|view|database|schema|user|role|trigger)\b"
    r"|merge\s+into\b|grant\b.*\bto\b|call\s+\w|exec(?:ute)?\s+\w|pragma\s+\w)"
)


class SqlFromStrings(Rule):
    """SQL statement is put together from strings instead of being given parameters.

    A value that is pasted into the text of a statement can end the statement and begin another: whoever controls the value
    controls the database. Quoting by hand is not a repair, because each database quotes differently.

    Leave placeholders in the statement (`?` or `%s`, whichever the driver uses) and pass the values as the second argument.
    Names of tables and columns cannot be parameters: choose them from a fixed set in the source.
    """

    severity = Severity.HIGH
    cwe = (89,)
    aliases = ("python/sql-injection@v1.0",)
    triggers = METHODS
    fix = Applicability.SUGGESTED
    fix_title = "Pass the values as parameters"
    noncompliant = (
        """
        def find(cursor, name):
            cursor.execute(f"SELECT id FROM users WHERE name = '{name}'")  # finding
        """,
        """
        import sqlite3

        def rename(connection: sqlite3.Connection, user, name):
            query = "UPDATE users SET name = '%s' WHERE id = %d" % (name, user)
            with connection:
                connection.execute(query)  # finding
        """,
        """
        def search(db, term, limit):
            sql = "SELECT * FROM items WHERE 1 = 1"
            if term:
                sql += " AND title LIKE '%" + term + "%'"
            return db.cursor().execute(sql)  # finding
        """,
    )
    compliant = (
        """
        def find(cursor, name):
            cursor.execute("SELECT id FROM users WHERE name = ?", (name,))
        """,
        """
        def several(cursor, ids):
            marks = ", ".join("?" * len(ids))
            cursor.execute(f"SELECT name FROM users WHERE id IN ({marks})", ids)
        """,
        """
        TABLE = "users"

        def count(cursor, limit: int):
            for column in ("id", "name"):
                cursor.execute(f"SELECT {column} FROM {TABLE} LIMIT {int(limit)}")
        """,
        """
        def search(cursor, term):
            sql = "SELECT * FROM items"
            values = []
            if term:
                sql += " WHERE title LIKE ?"
                values.append(f"%{term}%")
            cursor.execute(sql, values)
        """,
        """
        def run(executor, task):
            executor.execute(f"select the {task} job")
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in [*module.method_calls(*METHODS), *module.calls("sqlalchemy.text", "sqlalchemy.sql.text")]:
            statement = call.args[0] if call.args else None
            if isinstance(statement, ast.Call) and module.qualified_name(statement.func) in (
                "sqlalchemy.text",
                "sqlalchemy.sql.text",
            ):
                continue
            if statement is None or module.is_harmless("sql", call):
                continue
            text = text_of(module, statement)
            if text.built and text.holes and _SQL.match(text.literal):
                yield self.finding(
                    module,
                    call,
                    "This SQL is put together from strings, so a value can change the statement itself. "
                    "Leave a placeholder in the text and pass the value as a parameter.",
                )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        return with_parameters(node, repair)
