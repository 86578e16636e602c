"""Files left open."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.closing import leaks_from
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.engines.scopes import opened_in_with
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity

OPENERS = (
    "open",
    "io.open",
    "codecs.open",
    "gzip.open",
    "bz2.open",
    "lzma.open",
    "os.fdopen",
    "tarfile.open",
    "zipfile.ZipFile",
    "tempfile.NamedTemporaryFile",
    "tempfile.TemporaryFile",
    "tempfile.SpooledTemporaryFile",
)


class UnclosedFile(Rule):
    """Opened file is not closed on every path.

    What was written may not be on disk yet, and descriptors run out in a program that runs long. The garbage collector closes
    files some time later, or never, and an exception between `open` and `close` skips the `close`.

    Open in a `with` statement; for one read or write use `pathlib.Path.read_text` and `write_text`.
    """

    severity = Severity.MEDIUM
    cwe = (404, 775)
    aliases = ("python/resource-leak@v1.0",)
    triggers = ("open", "fdopen", "ZipFile", "NamedTemporaryFile", "TemporaryFile", "SpooledTemporaryFile")
    fix = Applicability.SUGGESTED
    fix_title = "Open it in a with statement"
    noncompliant = (
        """
        def read(path):
            return open(path).read()  # finding
        """,
        """
        def copy(source, target, clean):
            file = open(source)  # finding
            text = clean(file.read())
            file.close()
            return text
        """,
        """
        import tempfile

        def kept(data):
            file = tempfile.NamedTemporaryFile(suffix=".bin")  # finding
            file.write(data)
            return len(data)
        """,
    )
    compliant = (
        """
        def read(path):
            with open(path) as file:
                return file.read()
        """,
        """
        def read(path):
            file = open(path)
            try:
                return file.read()
            finally:
                file.close()
        """,
        """
        class Log:
            def __init__(self, path):
                self.file = open(path, "a")

        def opened(path):
            return open(path)
        """,
        """
        import contextlib

        def several(paths):
            with contextlib.ExitStack() as stack:
                return [stack.enter_context(open(path)).read() for path in paths]
        """,
        """
        def start(path, popen):
            log = open(path, "w")
            return popen(["x"], stdout=log)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls(*OPENERS):
            parent = module.parent(call)
            if isinstance(parent, ast.Attribute):
                above = module.parent(parent)
                leaks = (
                    isinstance(above, ast.Call)
                    and above.func is parent
                    and parent.attr in ("read", "readlines", "write", "readline")
                )
            elif (
                isinstance(parent, ast.Assign)
                and len(parent.targets) == 1
                and isinstance(parent.targets[0], ast.Name)
            ):
                leaks = leaks_from(module, parent, parent.targets[0].id)
            else:
                leaks = isinstance(parent, ast.For) and parent.iter is call
            if leaks:
                yield self.finding(
                    module, call, "This file is not closed on every path. Open it in a `with` statement."
                )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        opened_in_with(node, repair, lambda call: call)
        return None
