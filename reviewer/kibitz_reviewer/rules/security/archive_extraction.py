"""Archives unpacked as they say."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.edits import with_keyword
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity

OPENERS = ("tarfile.open", "tarfile.TarFile", "tarfile.TarFile.open")


class ArchiveExtraction(Rule):
    """Tar archive is unpacked without a filter.

    A member may be named `../../etc/cron.d/x`, be a link out of the folder, or a device: the archive decides where its files go.
    From Python 3.12 on `extractall` takes a filter (also in security releases of 3.8 and later), and 3.14 has one by default.

    Say `extractall(path, filter="data")`, which refuses all of that.
    """

    severity = Severity.HIGH
    cwe = (22,)
    aliases = ("python/path-traversal@v1.0",)
    triggers = ("extractall", "extract", "unpack_archive")
    fix = Applicability.SUGGESTED
    fix_title = "Refuse what leads outside"
    noncompliant = (
        """
        import tarfile

        def unpack(path, folder):
            with tarfile.open(path) as archive:
                archive.extractall(folder)  # finding
        """,
        """
        import tarfile

        archive = tarfile.open("release.tgz", "r:gz")
        archive.extractall("build", filter="fully_trusted")  # finding
        """,
    )
    compliant = (
        """
        import tarfile

        def unpack(path, folder):
            with tarfile.open(path) as archive:
                archive.extractall(folder, filter="data")
        """,
        """
        import zipfile

        def unpack(path, folder):
            with zipfile.ZipFile(path) as archive:
                archive.extractall(folder)
        """,
        """
        import tarfile

        def unpack(path, folder, checked):
            with tarfile.open(path) as archive:
                archive.extractall(folder, members=checked(archive))
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls(*(f"{opener}().extractall" for opener in OPENERS)):
            if self._is_open(module, call):
                yield self.finding(
                    module,
                    call,
                    'The archive decides where its files go. Pass `filter="data"`, which keeps them inside the folder.',
                )

    def _is_open(self, module: Module, call: ast.Call) -> bool:
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        if None in given or "members" in given or len(call.args) > 1:
            return False
        return "filter" not in given or module.constant(given["filter"]) == "fully_trusted"

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        return with_keyword(node, "filter", '"data"')
