"""Outsiders' values written to files."""

from __future__ import annotations

from kibitz_reviewer.rule import Confidence, Severity
from kibitz_reviewer.rule_flow import FlowRule


class FileInjection(FlowRule):
    """Value that an outsider controls is written to a file as it came.

    Whatever reads the file trusts it: a spreadsheet runs cells that begin with `=`, a configuration gains lines, a log lies.

    Encode it for the format of the file (`json.dump`, escaped cells), or check it first.
    """

    severity = Severity.HIGH
    confidence = Confidence.MEDIUM
    cwe = (93, 1236)
    aliases = ("python/file-injection@v1.0",)
    triggers = ("write", "writelines", "write_text", "write_bytes", "writerow", "writerows")
    kinds = ("written",)
    advice = "Encode it for the file's format, or check it first."
    noncompliant = (
        """
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/note", methods=["POST"])
        def note():
            with open("notes.txt", "a") as file:
                file.write(request.form["note"])  # finding
            return "kept"
        """,
        """
        import csv

        def lambda_handler(event, context):
            with open("/tmp/rows.csv", "w") as file:
                writer = csv.writer(file)
                writer.writerow([event["name"], 1])  # finding
        """,
    )
    compliant = (
        """
        import json
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/note", methods=["POST"])
        def note():
            with open("notes.json", "a") as file:
                json.dump({"note": request.form["note"]}, file)
            return "kept"
        """,
        """
        def lambda_handler(event, context):
            with open("/tmp/count.txt", "w") as file:
                file.write(str(len(event["items"])))
        """,
    )
