"""Names of temporary files that others can take."""

from __future__ import annotations

from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity


class PredictableTempFile(Rule):
    """Temporary file's name is chosen before the file is created.

    Between the choice and the creation another program can put a file or a link there, and read what is written or have
    something else overwritten.

    Create and open in one step: `tempfile.NamedTemporaryFile`, `tempfile.TemporaryDirectory`, or `tempfile.mkstemp`.
    """

    severity = Severity.MEDIUM
    cwe = (377,)
    aliases = ("python/insecure-temp-file@v1.0",)
    triggers = ("mktemp", "tempnam", "tmpnam")
    fix = Applicability.SUGGESTED
    fix_title = "Create the file at once with tempfile.NamedTemporaryFile"
    noncompliant = (
        """
        import tempfile

        def write(data):
            path = tempfile.mktemp(suffix=".csv")  # finding
            with open(path, "w") as file:
                file.write(data)
        """,
        """
        from tempfile import mktemp as new_name

        name = new_name()  # finding
        """,
    )
    compliant = (
        """
        import tempfile

        def write(data):
            with tempfile.NamedTemporaryFile("w", suffix=".csv", delete=False) as file:
                file.write(data)
        """,
        """
        import tempfile

        handle, path = tempfile.mkstemp()
        """,
        """
        class Sandbox:
            def mktemp(self):
                return "/inside"

        path = Sandbox().mktemp()
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls("tempfile.mktemp", "os.tempnam", "os.tmpnam"):
            yield self.finding(
                module,
                call,
                "Another program can take this name before the file is created. Use `tempfile.NamedTemporaryFile` or `mkstemp`.",
            )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if (
            not isinstance(node, cst.Call)
            or not isinstance(node.func, cst.Attribute)
            or node.func.attr.value != "mktemp"
        ):
            return None
        if any(argument.keyword is None for argument in node.args):
            return None
        arguments = [argument.with_changes(comma=cst.MaybeSentinel.DEFAULT) for argument in node.args]
        arguments.append(_keyword("delete", "False"))
        made = node.with_changes(
            func=node.func.with_changes(attr=cst.Name("NamedTemporaryFile")), args=arguments
        )
        return cst.Attribute(made, cst.Name("name"))


def _keyword(name: str, value: str) -> cst.Arg:
    tight = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
    return cst.Arg(cst.Name(value), keyword=cst.Name(name), equal=tight)
