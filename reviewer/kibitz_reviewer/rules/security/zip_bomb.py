"""Archives without an end."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import method
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
    triggers = ("extractall", "extract", "namelist", "infolist", "getmembers")
    noncompliant = (
        """
        import zipfile

        def load(path):
            with zipfile.ZipFile(path) as archive:
                return {name: archive.read(name) for name in archive.namelist()}  # finding
        """,
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

        def manifest(path):
            with zipfile.ZipFile(path) as archive:
                return archive.read("META-INF/MANIFEST.MF")
        """,
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
        for call in module.method_calls("extractall", "extract", "read", "extractfile"):
            if method(call) in ("read", "extractfile") and not _is_member_of_loop(module, call):
                continue
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


def _is_member_of_loop(module: Module, call: ast.Call) -> bool:
    """Whether what is read is each member in turn, whichever there are."""
    name = call.args[0] if call.args else None
    loops: list[ast.For | ast.comprehension] = [
        *(loop for loop in module.ancestors(call) if isinstance(loop, ast.For)),
        *(
            each
            for around in module.ancestors(call)
            if isinstance(around, ast.ListComp | ast.DictComp | ast.GeneratorExp | ast.SetComp)
            for each in around.generators
        ),
    ]
    return isinstance(name, ast.Name) and any(
        isinstance(loop.target, ast.Name)
        and loop.target.id == name.id
        and isinstance(loop.iter, ast.Call)
        and method(loop.iter) in ("namelist", "infolist", "getmembers", "getnames")
        for loop in loops
    )
