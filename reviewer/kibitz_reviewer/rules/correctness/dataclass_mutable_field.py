"""Fields that all objects share."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.edits import code_of, parsed
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity


class DataclassMutableField(Rule):
    """Field of a dataclass starts with an object that all instances share.

    A list as a default is refused; other changeable objects are not, and what one instance changes shows in all of them.

    Use `field(default_factory=...)`.
    """

    severity = Severity.HIGH
    triggers = ("dataclass", "define", "attr")
    fix = Applicability.SUGGESTED
    fix_title = "Make a new object for each instance"
    noncompliant = (
        """
        from dataclasses import dataclass

        @dataclass
        class Basket:
            items: list = []  # finding
            seen: "Counter" = make_counter()
        """,
        """
        from collections import defaultdict, deque
        from dataclasses import dataclass

        @dataclass(frozen=True)
        class Window:
            values: deque = deque()  # finding
            counts: dict = defaultdict(int)  # finding
        """,
    )
    compliant = (
        """
        from dataclasses import dataclass, field

        @dataclass
        class Basket:
            items: list = field(default_factory=list)
            limit: int = 10
            size: tuple = (1, 2)
        """,
        """
        from typing import ClassVar
        from dataclasses import dataclass

        @dataclass
        class Basket:
            registry: ClassVar[dict] = {}

        class Plain:
            items: list = []
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for node in module.nodes(ast.ClassDef):
            decorators = {
                module.qualified_name(d.func if isinstance(d, ast.Call) else d) for d in node.decorator_list
            }
            if not decorators & {"dataclasses.dataclass", "attr.s", "attrs.define", "attr.define"}:
                continue
            for statement in node.body:
                if (
                    isinstance(statement, ast.AnnAssign)
                    and statement.value is not None
                    and "ClassVar" not in ast.unparse(statement.annotation)
                ):
                    if _is_changeable(module, statement.value):
                        yield self.finding(
                            module,
                            statement,
                            "All instances share this object. Use `field(default_factory=...)`.",
                        )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.AnnAssign) or node.value is None:
            return None
        repair.add_import("dataclasses", "field")
        value = node.value
        empty = {"[]": "list", "{}": "dict", "list()": "list", "dict()": "dict", "set()": "set"}
        maker = empty.get(code_of(value), f"lambda: {code_of(value)}")
        return node.with_changes(value=parsed(f"field(default_factory={maker})"))


def _is_changeable(module: Module, node: ast.expr) -> bool:
    if isinstance(node, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp):
        return True
    name = module.qualified_name(node.func) if isinstance(node, ast.Call) else None
    return name in (
        "list",
        "dict",
        "set",
        "bytearray",
        "collections.deque",
        "collections.defaultdict",
        "collections.Counter",
        "collections.OrderedDict",
    )
