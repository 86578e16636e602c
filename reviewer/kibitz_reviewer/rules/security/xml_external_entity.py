"""XML that may fetch files."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import argument, is_false, is_true, keyword, name_of
from kibitz_reviewer.engines.edits import with_keyword, with_value
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity

PARSERS = (
    "lxml.etree.XMLParser",
    "lxml.etree.XMLTreeBuilder",
    "lxml.etree.iterparse",
    "lxml.etree.ETCompatXMLParser",
)


class XmlExternalEntity(Rule):
    """XML parser resolves entities that the document defines.

    An entity can name a file of the server or an address of its network, whose content then stands in the document; nested ones
    fill the memory.

    Leave resolving off (`resolve_entities=False, no_network=True`), or parse with `defusedxml`.
    """

    severity = Severity.HIGH
    cwe = (611, 776)
    aliases = ("python/xml-external-entity@v1.0",)
    triggers = ("xml", "lxml", "etree", "pulldom", "sax")
    fix = Applicability.SUGGESTED
    fix_title = "Leave entities as they are"
    noncompliant = (
        """
        from lxml import etree

        def read(text):
            parser = etree.XMLParser(resolve_entities=True)  # finding
            return etree.fromstring(text, parser)
        """,
        """
        import xml.sax
        import xml.sax.handler

        def read(path, handler):
            parser = xml.sax.make_parser()
            parser.setContentHandler(handler)
            parser.setFeature(xml.sax.handler.feature_external_ges, True)  # finding
            parser.parse(path)
        """,
        """
        import xml.dom.pulldom
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/read", methods=["POST"])
        def read():
            document = xml.dom.pulldom.parseString(request.data)  # finding
            return {"first": str(next(document))}
        """,
    )
    compliant = (
        """
        from lxml import etree

        def read(text):
            parser = etree.XMLParser(resolve_entities=False, no_network=True)
            return etree.fromstring(text, parser)
        """,
        """
        import xml.sax
        import xml.sax.handler

        def read(path, handler):
            parser = xml.sax.make_parser()
            parser.setContentHandler(handler)
            parser.setFeature(xml.sax.handler.feature_external_ges, False)
            parser.parse(path)
        """,
        """
        import defusedxml.ElementTree as ET
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/read", methods=["POST"])
        def read():
            return {"tag": ET.fromstring(request.data).tag}
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        message = "This parser follows what the document tells it to fetch. Turn entities off, or parse with `defusedxml`."
        for call in module.calls(*PARSERS):
            if (
                is_true(module, keyword(call, "resolve_entities"))
                or is_true(module, keyword(call, "load_dtd"))
                or is_false(module, keyword(call, "no_network"))
            ):
                yield self.finding(module, call, message)
        for call in module.method_calls("setFeature"):
            feature = argument(call, 0, "name")
            name = name_of(module, feature) + str(module.constant(feature, ""))
            if re.search(
                r"feature_external_[gp]es|external-(?:general|parameter)-entities", name
            ) and is_true(module, argument(call, 1, "state")):
                if self._is_used(module, call):
                    yield self.finding(module, call, message)
        for flow in module.flows("xml"):
            if flow.module is module and isinstance(flow.node, ast.Call) and self._is_weak(module, flow.node):
                yield self.finding(module, flow.node, message)

    def _is_used(self, module: Module, call: ast.Call) -> bool:
        """Whether the data flow does not say that what the parser reads is harmless."""
        around = module.enclosing_function(call)
        reads = [
            c for c in module.method_calls("parse", "parseString") if module.enclosing_function(c) is around
        ]
        verdicts = [module.is_harmless("xml", read) for read in reads]
        return not verdicts or not all(verdict is True for verdict in verdicts)

    def _is_weak(self, module: Module, call: ast.Call) -> bool:
        """Whether the call parses in a way that resolves entities."""
        name = module.qualified_name(call.func) or ""
        parser = argument(call, 1, "parser")
        if "pulldom" in name or "xml.sax" in name or "minidom" in name:
            made = module.value_of(parser) if parser is not None else None
            return not isinstance(made, ast.Call) or any(
                "external_ges" in ast.unparse(c) and is_true(module, argument(c, 1))
                for c in module.method_calls("setFeature")
            )
        if name.startswith("lxml."):
            made = module.value_of(parser) if parser is not None else None
            return not (isinstance(made, ast.Call) and is_false(module, keyword(made, "resolve_entities")))
        # Expat fetches nothing, but expands what the document defines: a few lines become gigabytes.
        return name.startswith("xml.etree.") and parser is None

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        name = repair.module.qualified_name(repair.target.func) if isinstance(repair.target, ast.Call) else ""
        if name and name.startswith("lxml.etree.") and name.endswith("Parser"):
            return with_keyword(node, "resolve_entities", "False")
        if (
            isinstance(node.func, cst.Attribute)
            and node.func.attr.value == "setFeature"
            and len(node.args) == 2
        ):
            return with_value(node, node.args[1], "False")
        return None
