"""Outsiders' values in the text of SQL."""

from __future__ import annotations

from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.engines.sql_fix import with_parameters
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Severity
from kibitz_reviewer.rule_flow import FlowRule


class SqlInjection(FlowRule):
    """SQL statement holds a value that an outsider controls.

    The value can close the text it stands in and go on with a statement of its own: read other tables, change them, or skip a
    password check.

    Leave a placeholder in the statement and give the value as a parameter. What cannot be a parameter, the name of a table or
    a column, is looked up in a table of your own.
    """

    severity = Severity.HIGH
    cwe = (89,)
    aliases = ("python/sql-injection@v1.0",)
    triggers = (
        "execute",
        "executemany",
        "executescript",
        "text",
        "raw",
        "read_sql",
        "read_sql_query",
        "RawSQL",
        "extra",
        "fetch",
        "fetchrow",
        "fetchval",
        "fetch_all",
        "fetch_one",
        "exec_driver_sql",
        "exec",
        "literal_column",
        "SQL",
    )
    kinds = ("sql",)
    supersedes = ("sql-from-strings",)
    advice = "Leave a placeholder in the statement and pass the value as a parameter."
    fix = Applicability.SUGGESTED
    fix_title = "Pass the values as parameters"
    noncompliant = (
        """
        import sqlite3
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/user")
        def user():
            name = request.args.get("name")
            connection = sqlite3.connect("shop.db")
            statement = "SELECT * FROM users WHERE name = '" + name + "'"
            return str(connection.execute(statement).fetchall())  # finding
        """,
        """
        class Users:
            def __init__(self, cursor):
                self.cursor = cursor

            def find(self, field, value):
                query = "SELECT id FROM users WHERE {} = '{}'".format(field, value)
                self.cursor.execute(query)  # finding

        def lambda_handler(event, context):
            Users(context.cursor).find("mail", event["mail"])
        """,
    )
    compliant = (
        """
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/user")
        def user(cursor):
            cursor.execute("SELECT * FROM users WHERE name = %s", (request.args["name"],))
            return cursor.fetchone()
        """,
        """
        from flask import Flask, request

        app = Flask(__name__)
        COLUMNS = {"name": "users.name", "age": "users.age"}

        @app.route("/list")
        def listing(cursor):
            column = COLUMNS.get(request.args.get("sort"), "users.id")
            cursor.execute(f"SELECT * FROM users ORDER BY {column}")
            return cursor.fetchall()
        """,
        """
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/page")
        def page(cursor):
            size = int(request.args.get("size", "10"))
            cursor.execute(f"SELECT * FROM users LIMIT {size}")
            return cursor.fetchall()
        """,
    )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        return with_parameters(node, repair)
