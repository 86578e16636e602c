"""Arguments that rule each other out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import argument, method
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Confidence, Finding, Rule, Severity

PAIRS = (
    (r"subprocess\.(?:run|check_output)", "capture_output", ("stdout", "stderr")),
    (r"subprocess\.(?:run|check_output)", "input", ("stdin",)),
    (r"subprocess\.check_output", "stdout", ("stdout",)),
    (r"(?:boto3|\?).*\.(?:query|scan)", "KeyConditionExpression", ("KeyConditions",)),
    (r"(?:boto3|\?).*\.(?:query|scan)", "FilterExpression", ("ScanFilter", "QueryFilter")),
    (
        r"(?:boto3|\?).*\.(?:put_item|delete_item|update_item)",
        "ConditionExpression",
        ("Expected", "ConditionalOperator"),
    ),
    (r"(?:boto3|\?).*\.(?:query|scan|get_item)", "ProjectionExpression", ("AttributesToGet",)),
    (r"requests\.\w+", "data", ("json",)),
    (r"httpx\.\w+", "data", ("json", "content")),
    (r"logging\.basicConfig", "stream", ("filename", "handlers")),
    (r"logging\.basicConfig", "filename", ("handlers",)),
    (r"pandas\.read_csv", "sep", ("delimiter", "delim_whitespace")),
    (r"\?\.drop", "labels", ("index", "columns")),
    (r"\?\.filter", "items", ("like", "regex")),
    (r"\?\.sample", "n", ("frac",)),
)


class ExclusiveArguments(Rule):
    """Call passes arguments, or an object gets calls, that rule each other out.

    One of them is ignored or the call raises, and which is seldom the one that was meant.

    Keep the one that is meant.
    """

    severity = Severity.HIGH
    confidence = Confidence.MEDIUM
    cwe = (628,)
    aliases = ("python/mutually-exclusive-calls-found@v1.0",)
    noncompliant = (
        """
        import subprocess

        def run(command):
            return subprocess.run(command, capture_output=True, stdout=subprocess.PIPE, check=True)  # finding
        """,
        """
        def keep(path, data):
            with open(path, "wb", encoding="utf-8") as file:  # finding
                file.write(data)
        """,
        """
        import boto3

        def list_all(table):
            return boto3.client("dynamodb").query(TableName=table, KeyConditions={}, KeyConditionExpression="a = :a")  # finding
        """,
        """
        import argparse

        def parser():
            parser = argparse.ArgumentParser()
            parser.add_argument("--dry", action="store_true", type=bool)  # finding
            return parser
        """,
    )
    compliant = (
        """
        import subprocess

        def run(command):
            return subprocess.run(command, capture_output=True, check=True)
        """,
        """
        def keep(path, text):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        """,
        """
        import argparse

        def parser():
            parser = argparse.ArgumentParser()
            parser.add_argument("--dry", action="store_true")
            parser.add_argument("--count", type=int, default=1)
            return parser
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.nodes(ast.Call):
            name = module.qualified_name(call.func) or ""
            given = {
                k.arg: k.value
                for k in call.keywords
                if k.arg and not (isinstance(k.value, ast.Constant) and k.value.value in (None, False))
            }
            last = name.rpartition(".")[2] or method(call)
            for pattern, first, others in PAIRS:
                if (
                    first in given
                    and (clash := next((o for o in others if o in given), None))
                    and re.fullmatch(pattern, name or f"?.{method(call)}")
                ):
                    yield self.finding(
                        module,
                        call,
                        f"`{first}` and `{clash}` rule each other out. Keep the one that is meant.",
                    )
            if name in ("open", "io.open") or (last == "open" and name.startswith("pathlib.")):
                mode = module.constant(argument(call, 1 if name in ("open", "io.open") else 0, "mode"))
                if isinstance(mode, str) and "b" in mode and ("encoding" in given or "newline" in given):
                    yield self.finding(
                        module, call, "A binary file has no encoding. Leave it out, or open the file as text."
                    )
            if last == "add_argument" and str(module.constant(given.get("action"), "")) in (
                "store_true",
                "store_false",
                "store_const",
                "count",
                "help",
                "version",
            ):
                if "type" in given or ("nargs" in given and "action" in given):
                    yield self.finding(
                        module, call, "This action takes no value, so it has no type. Leave one out."
                    )
