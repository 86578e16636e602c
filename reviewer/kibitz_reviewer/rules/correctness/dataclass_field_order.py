"""Fields in an order that cannot be."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.dataclasses import dataclass_of
from kibitz_reviewer.engines.edits import code_of, parsed, with_keyword
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity


class DataclassFieldOrder(Rule):
    """Field without a default follows one that has a default.

    The class cannot even be made: `dataclass` raises `TypeError` when the module is imported.

    Move the field up, give it a default, or make the fields keyword-only.
    """

    severity = Severity.HIGH
    triggers = ("dataclass",)
    fix = Applicability.SUGGESTED
    fix_title = "Take fields by name only"
    noncompliant = (
        """
        from dataclasses import dataclass

        @dataclass
        class Job:
            name: str = ""
            size: int  # finding
        """,
    )
    compliant = (
        """
        from dataclasses import KW_ONLY, dataclass, field
        from typing import ClassVar

        @dataclass
        class Job:
            size: int
            name: str = ""
            limit: ClassVar[int]
            secret: int = field(init=False)

        @dataclass
        class Other:
            name: str = ""
            _: KW_ONLY
            size: int
        """,
        """
        from dataclasses import dataclass, field

        @dataclass(kw_only=True)
        class Job:
            name: str = ""
            size: int
        """,
        """
        from dataclasses import dataclass

        @dataclass(frozen=True, init=False)
        class Made:
            name: str = ""
            size: int

            def __init__(self, size: int) -> None:
                object.__setattr__(self, "size", size)
        """,
        """
        class Plain:
            name: str = ""
            size: int
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for node in module.nodes(ast.ClassDef):
            maker = dataclass_of(module, node)
            if maker is None or any(
                k.arg in (None, "kw_only", "init") for k in getattr(maker, "keywords", [])
            ):
                continue
            late = False
            for statement in node.body:
                if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
                    continue
                kind = ast.unparse(statement.annotation)
                if "KW_ONLY" in kind:
                    break
                if "ClassVar" in kind:
                    continue
                state = _default_of(module, statement.value)
                if late and state is False:
                    yield self.finding(
                        module,
                        statement,
                        "This field must stand before those that have a default.",
                        anchor=maker,
                    )
                late = late or state is True

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if isinstance(node, cst.Call):
            return with_keyword(node, "kw_only", "True")
        if isinstance(node, cst.Name | cst.Attribute):
            return parsed(f"{code_of(node)}(kw_only=True)")
        return None


def _default_of(module: Module, value: ast.expr | None) -> bool | None:
    """Whether a field has a default; None if it takes no part in the order, being left out or keyword-only."""
    if value is None:
        return False
    if isinstance(value, ast.Call) and module.qualified_name(value.func) == "dataclasses.field":
        given = {k.arg: k.value for k in value.keywords}
        if module.constant(given.get("init"), True) is False or module.constant(given.get("kw_only"), False):
            return None
        return "default" in given or "default_factory" in given
    return True
