"""Fields that are none."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.dataclasses import dataclass_of
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Finding, Rule, Severity


class DataclassLostField(Rule):
    """Field of a dataclass has no annotation, and so is no field.

    `dataclass` only sees annotated names: this one is shared by all instances, and `__init__`, `==` and `repr` leave it out.

    Annotate it.
    """

    severity = Severity.HIGH
    triggers = ("dataclass",)
    noncompliant = (
        """
        from dataclasses import dataclass, field

        @dataclass
        class Job:
            name: str
            tags = field(default_factory=list)  # finding
        """,
    )
    compliant = (
        """
        from dataclasses import dataclass, field

        @dataclass
        class Job:
            LIMIT = 10
            name: str
            tags: list[str] = field(default_factory=list)
        """,
        """
        import attr

        @attr.s
        class Job:
            name = attr.ib()
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for node in module.nodes(ast.ClassDef):
            if dataclass_of(module, node) is None:
                continue
            for statement in node.body:
                value = statement.value if isinstance(statement, ast.Assign) else None
                if isinstance(value, ast.Call) and module.qualified_name(value.func) == "dataclasses.field":
                    yield self.finding(
                        module, statement, "Without an annotation this is no field. Annotate it."
                    )
