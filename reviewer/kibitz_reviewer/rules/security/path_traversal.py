"""Outsiders' values in file paths."""

from __future__ import annotations

from kibitz_reviewer.rule import Severity
from kibitz_reviewer.rule_flow import FlowRule


class PathTraversal(FlowRule):
    """Path of a file is made from a value that an outsider controls.

    With `..` or a leading slash the value leaves the folder it was meant for: the program reads, writes or deletes files it was
    never asked about.

    Take only the last part of the name (`secure_filename`, `os.path.basename`), or resolve the path and check that it is still
    within the folder.
    """

    severity = Severity.HIGH
    cwe = (22, 73)
    aliases = ("python/path-traversal@v1.0",)
    triggers = (
        "open",
        "remove",
        "unlink",
        "listdir",
        "rmtree",
        "send_file",
        "send_from_directory",
        "read_text",
        "read_bytes",
        "write_text",
        "write_bytes",
        "makedirs",
        "mkdir",
        "rename",
        "copy",
        "copyfile",
        "move",
        "FileResponse",
        "ZipFile",
        "read_csv",
        "walk",
        "scandir",
        "load",
        "rmdir",
        "chmod",
    )
    kinds = ("path",)
    advice = (
        "Keep only the last part of the name, or check that the resolved path is still within its folder."
    )
    noncompliant = (
        """
        import os
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/file")
        def file():
            path = os.path.join("/srv/files", request.args["name"])
            with open(path) as handle:  # finding
                return {"text": handle.read()}
        """,
        """
        from pathlib import Path

        FOLDER = Path("/srv/reports")

        def lambda_handler(event, context):
            report = FOLDER / event["report"]
            return report.read_text()  # finding
        """,
    )
    compliant = (
        """
        import os
        from flask import Flask, request
        from werkzeug.utils import secure_filename

        app = Flask(__name__)

        @app.route("/file")
        def file():
            path = os.path.join("/srv/files", secure_filename(request.args["name"]))
            with open(path) as handle:
                return {"text": handle.read()}
        """,
        """
        import os
        from flask import Flask, abort, request

        app = Flask(__name__)
        BASE = "/srv/files/"

        @app.route("/file")
        def file():
            path = os.path.realpath(os.path.join(BASE, request.args["name"]))
            if not path.startswith(BASE):
                abort(404)
            with open(path) as handle:
                return {"text": handle.read()}
        """,
        """
        from pathlib import Path

        FOLDER = Path("/srv/reports").resolve()

        def lambda_handler(event, context):
            report = (FOLDER / event["report"]).resolve()
            if not report.is_relative_to(FOLDER):
                raise ValueError("no such report")
            return report.read_text()
        """,
    )
