"""Files everybody may change."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import argument, name_of
from kibitz_reviewer.engines.edits import with_value
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity

BITS = {
    "stat.S_IRWXO": 0o007,
    "stat.S_IWOTH": 0o002,
    "stat.S_IROTH": 0o004,
    "stat.S_IXOTH": 0o001,
    "stat.S_IRWXU": 0o700,
    "stat.S_IRWXG": 0o070,
    "stat.S_IRUSR": 0o400,
    "stat.S_IWUSR": 0o200,
    "stat.S_IXUSR": 0o100,
    "stat.S_IRGRP": 0o040,
    "stat.S_IWGRP": 0o020,
    "stat.S_IXGRP": 0o010,
    "stat.S_ISVTX": 0o1000,
}


class LoosePermissions(Rule):
    """File may be read, changed or run by every user of the machine.

    Others put their own content into it, or read what was meant for the program alone.

    Give rights to the owner, and to the group where it must be: 0o600 for files, 0o700 for folders and programs.
    """

    severity = Severity.HIGH
    cwe = (732, 266)
    aliases = ("python/loose-file-permissions@v1.0",)
    triggers = ("chmod", "fchmod", "lchmod", "umask", "open", "mkdir", "makedirs", "mkfifo", "mknod")
    fix = Applicability.SUGGESTED
    fix_title = "Keep others out"
    noncompliant = (
        """
        import os

        def share(path):
            os.chmod(path, 0o777)  # finding
        """,
        """
        import os
        import stat
        from pathlib import Path

        def share(path):
            Path(path).chmod(stat.S_IRWXU | stat.S_IRWXO)  # finding
            os.umask(0)  # finding
            return os.open(path, os.O_CREAT, 0o666)  # finding
        """,
    )
    compliant = (
        """
        import os

        def keep(path):
            os.chmod(path, 0o600)
            os.umask(0o077)
        """,
        """
        import os
        import stat

        def keep(path, mode):
            os.chmod(path, stat.S_IRUSR | stat.S_IWUSR)
            os.chmod(path, mode)
            return os.open(path, os.O_CREAT, 0o640)
        """,
        """
        import os

        def publish(page):
            os.chmod(page, 0o644)
            os.makedirs("site", mode=0o755)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls("os.umask"):
            mask = _mode(module, argument(call, 0, "mask"))
            if mask is not None and not mask & 0o002 and _is_kept(module, call):
                yield self.finding(
                    module, call, "New files can be changed by every user. Use a mask such as 0o077."
                )
        for call in [
            *module.method_calls("chmod", "fchmod", "lchmod", "mkdir", "makedirs", "mkfifo", "mknod"),
            *module.calls("os.open"),
        ]:
            name = module.qualified_name(call.func) or ""
            index = 2 if name == "os.open" else 0 if "Path()" in name or not name.startswith("os.") else 1
            if name.rpartition(".")[2] in ("mkdir", "makedirs") and not name.startswith("os."):
                index = 9
            mode = _mode(module, argument(call, index, "mode"))
            if mode is not None and mode & 0o002 and not mode & 0o1000:
                yield self.finding(
                    module, call, "Every user of the machine may change this. Give rights to the owner only."
                )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        for arg in node.args:
            value = arg.value
            if isinstance(value, cst.Integer) and value.value.startswith("0o") and len(value.value) >= 5:
                return with_value(
                    node,
                    arg,
                    f"0o{value.value[-3]}{int(value.value[-2]) & 5 if value.value[-2] != '7' else 5}0"[:5],
                )
        return None


def _mode(module: Module, node: ast.expr | None) -> int | None:
    """The bits of a mode as far as the source shows them."""
    if node is None:
        return None
    value = module.value_of(node)
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.BitOr):
        sides = [_mode(module, value.left), _mode(module, value.right)]
        known_sides = [side for side in sides if side is not None]
        return (
            sum({bit for side in known_sides for bit in (1 << n for n in range(12)) if side & bit})
            if known_sides
            else None
        )
    constant = module.constant(value)
    if isinstance(constant, int) and not isinstance(constant, bool):
        return constant
    return BITS.get(name_of(module, value))


def _is_kept(module: Module, call: ast.Call) -> bool:
    """Whether the mask stays: one that is set back later is only read."""
    return not isinstance(module.parent(call), ast.Assign)
