"""Outsiders' values in XPath."""

from __future__ import annotations

from kibitz_reviewer.rule import Severity
from kibitz_reviewer.rule_flow import FlowRule


class XpathInjection(FlowRule):
    """XPath expression holds a value that an outsider controls.

    With a quote the value ends the text it stands in and changes the question: conditions become true, other nodes come back.

    Pass it as an XPath variable (`tree.xpath("//user[@name=$name]", name=name)`).
    """

    severity = Severity.HIGH
    cwe = (643,)
    aliases = ("python/xpath-injection@v1.0",)
    triggers = ("xpath", "find", "findall", "findtext", "iterfind", "XPath", "select")
    kinds = ("xpath",)
    advice = "Pass it as an XPath variable instead."
    noncompliant = (
        """
        from lxml import etree
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/user")
        def user():
            tree = etree.parse("users.xml")
            found = tree.xpath("//user[@name='" + request.args["name"] + "']")  # finding
            return {"found": len(found)}
        """,
        """
        import xml.etree.ElementTree as ET

        def lambda_handler(event, context):
            root = ET.parse("users.xml").getroot()
            return len(root.findall(f"./user[@id='{event['id']}']"))  # finding
        """,
    )
    compliant = (
        """
        from lxml import etree
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/user")
        def user():
            tree = etree.parse("users.xml")
            return {"found": len(tree.xpath("//user[@name=$name]", name=request.args["name"]))}
        """,
        """
        import re
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/words")
        def words():
            return {"found": re.findall(r"[a-z]+", request.args["text"])}
        """,
    )
