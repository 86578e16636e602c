"""Outsiders' values brought back to life."""

from __future__ import annotations

import ast

from kibitz_reviewer.engines.edits import calling, code_of
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Severity
from kibitz_reviewer.rule_flow import FlowRule


class UntrustedDeserialization(FlowRule):
    """Objects are restored from data that an outsider controls.

    Formats such as pickle call functions while they are read: whoever writes the data runs code in the program.

    Use a format that holds data only, such as JSON, or check a signature before reading.
    """

    severity = Severity.HIGH
    cwe = (502,)
    aliases = ("python/untrusted-deserialization@v1.0", "python/unsafe-cloudpickle-load@v1.0")
    triggers = (
        "loads",
        "load",
        "Unpickler",
        "decode",
        "load_all",
        "unsafe_load",
        "full_load",
        "read_pickle",
        "open",
    )
    kinds = ("deserialize",)
    supersedes = ("untrusted-pickle", "unsafe-yaml-load", "cloudpickle-load")
    advice = "Use a format that holds data only, such as JSON."
    fix = Applicability.SUGGESTED
    fix_title = "Load plain data only"
    noncompliant = (
        """
        import base64
        import pickle
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/basket")
        def basket():
            raw = base64.b64decode(request.cookies["basket"])
            return {"items": pickle.loads(raw)}  # finding
        """,
        """
        import yaml

        def lambda_handler(event, context):
            return yaml.load(event["body"], Loader=yaml.Loader)  # finding
        """,
    )
    compliant = (
        """
        import json
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/basket")
        def basket():
            return {"items": json.loads(request.cookies["basket"])}
        """,
        """
        import yaml

        def lambda_handler(event, context):
            return yaml.load(event["body"], Loader=yaml.SafeLoader)
        """,
    )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        if not isinstance(node.func, cst.Attribute) or not node.args:
            return None
        name = repair.module.qualified_name(repair.target.func) if isinstance(repair.target, ast.Call) else ""
        if name in ("yaml.load", "yaml.unsafe_load", "yaml.full_load"):
            return calling(node, f"{code_of(node.func.value)}.safe_load", node.args[:1])
        return None
