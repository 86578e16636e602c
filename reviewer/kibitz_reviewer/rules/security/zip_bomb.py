"""Archives without an end."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Confidence, Finding, Rule, Severity

LIMITED = re.compile(r"file_size|\.size\b|compress_size|max_size|(?i:limit|max_?bytes|too_?large)")


class ZipBomb(Rule):
    """Archive is unpacked without a look at how large it becomes.

    A few kilobytes can hold terabytes of zeros: unpacking them fills the disk or the memory of the server.

    Add up the sizes the archive declares, and stop reading at a limit.
    """

    severity = Severity.HIGH
    confidence = Confidence.MEDIUM
    cwe = (409,)
    aliases = ("python/zip-bomb-attack@v1.0",)
    triggers = ("extractall", "extract")
    noncompliant = (
        """
        import zipfile

        def unpack(path):
            with zipfile.ZipFile(path) as archive:
                archive.extractall("/tmp/unpacked")  # finding
        """,
        """
        import zipfile

        def read(path):
            archive = zipfile.ZipFile(path)
            for name in archive.namelist():
                archive.extract(name, "/tmp/unpacked")  # finding
        """,
    )
    compliant = (
        """
        import zipfile

        LIMIT = 100_000_000

        def unpack(path):
            with zipfile.ZipFile(path) as archive:
                if sum(info.file_size for info in archive.infolist()) > LIMIT:
                    raise ValueError("too large")
                archive.extractall("/tmp/unpacked")
        """,
        """
        import zipfile

        def pack(path, names):
            with zipfile.ZipFile(path, "w") as archive:
                for name in names:
                    archive.write(name)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.method_calls("extractall", "extract"):
            name = module.qualified_name(call.func) or ""
            if not name.startswith(
                ("zipfile.ZipFile()", "zipfile.PyZipFile()", "tarfile.open()", "tarfile.TarFile()")
            ):
                continue
            around = module.enclosing_function(call) or module.tree
            if not LIMITED.search(ast.unparse(around)):
                yield self.finding(
                    module,
                    call,
                    "A small archive can become larger than the disk. Add up the sizes it declares first.",
                )
