"""Files everybody may put there first."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import argument, method, name_of
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.loops import is_lambda_handler
from kibitz_reviewer.engines.names import FUNCTIONS
from kibitz_reviewer.rule import Confidence, Finding, Rule, Severity

FOLDERS = ("/tmp/", "/var/tmp/", "/dev/shm/")
MESSAGE = "Another user may have put this file there first. Let `tempfile` choose the name."


class SharedTempFile(Rule):
    """File of a known name is written into a folder that everybody may write to.

    Another user can put a file or a link of that name there first: the program then writes where that user says, or hands its data
    over.

    Let `tempfile` choose the name.
    """

    severity = Severity.MEDIUM
    confidence = Confidence.MEDIUM
    cwe = (377, 379)
    aliases = ("python/insecure-temp-file@v1.0",)
    triggers = ("/tmp", "/var/tmp", "/dev/shm", "gettempdir")
    noncompliant = (
        """
        def keep(text):
            with open("/tmp/report.txt", "w") as file:  # finding
                file.write(text)
        """,
        """
        import os

        import tempfile

        NAME = "/var/tmp/cache.db"

        def keep(text):
            with open(NAME, mode="wb") as file:  # finding
                file.write(text)
            with open(os.path.join(tempfile.gettempdir(), "last.txt"), "w") as other:  # finding
                other.write(text)
            return open(os.path.join("/tmp", "state"), "a")  # finding
        """,
    )
    compliant = (
        """
        import os
        import tempfile

        def keep(text, job):
            with open(os.path.join(tempfile.gettempdir(), job), "w") as file:
                file.write(text)
            with tempfile.NamedTemporaryFile("w", delete=False) as file:
                file.write(text)
        """,
        """
        def load():
            with open("/tmp/report.txt") as file:
                return file.read()

        def lambda_handler(event, context):
            with open("/tmp/report.txt", "w") as file:
                file.write("only this function is here")
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        if any(is_lambda_handler(module, f) for f in module.nodes(*FUNCTIONS)):
            return
        for call in module.calls("open", "io.open", "builtins.open"):
            mode = module.constant(argument(call, 1, "mode"))
            path = argument(call, 0, "file")
            if (
                isinstance(mode, str)
                and set(mode) & set("wa+")
                and path is not None
                and self._is_shared(module, path)
            ):
                yield self.finding(module, call, MESSAGE)

        for call in module.method_calls("write_text", "write_bytes", "touch", "open"):
            owner = call.func.value if isinstance(call.func, ast.Attribute) else None
            made = module.value_of(owner) if owner is not None else None
            if not isinstance(made, ast.Call) or not (
                name_of(module, made.func) == "pathlib.Path" and made.args
            ):
                continue
            mode = module.constant(argument(call, 0, "mode"), "r") if method(call) == "open" else "w"
            parts = [module.constant(part) for part in made.args]
            if isinstance(mode, str) and set(mode) & set("wa+") and all(isinstance(p, str) for p in parts):
                if "/".join(map(str, parts)).startswith(FOLDERS):
                    yield self.finding(module, call, MESSAGE)

    def _is_shared(self, module: Module, node: ast.expr) -> bool:
        text = module.constant(node)
        if isinstance(text, str):
            return text.startswith(FOLDERS)
        value = module.value_of(node)
        if (
            isinstance(value, ast.Call)
            and name_of(module, value.func) == "os.path.join"
            and len(value.args) > 1
        ):
            folder, *rest = value.args
            if not all(isinstance(module.constant(part), str) for part in rest):
                return False
            made = module.value_of(folder)
            if isinstance(made, ast.Call) and name_of(module, made.func) == "tempfile.gettempdir":
                return True
            return f"{module.constant(folder, '')}".rstrip("/") + "/" in FOLDERS
        return False
