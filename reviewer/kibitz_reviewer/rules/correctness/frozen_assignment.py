"""Writing to what is frozen."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.dataclasses import dataclass_of
from kibitz_reviewer.engines.edits import code_of, parsed
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity

#: Where a frozen instance is still being made.
MAKERS = ("__init__", "__post_init__", "__setstate__")


class FrozenAssignment(Rule):
    """Method of a frozen dataclass assigns to its own field.

    It raises `FrozenInstanceError` whenever it runs.

    Return a changed copy with `dataclasses.replace`; in `__post_init__` use `object.__setattr__`.
    """

    severity = Severity.HIGH
    triggers = ("frozen",)
    fix = Applicability.SUGGESTED
    fix_title = "Set it as `__post_init__` may"
    noncompliant = (
        """
        from dataclasses import dataclass

        @dataclass(frozen=True)
        class Account:
            balance: int

            def pay(self, amount):
                self.balance -= amount  # finding
        """,
        """
        from dataclasses import dataclass

        @dataclass(frozen=True)
        class Name:
            text: str

            def __post_init__(self):
                self.text = self.text.strip()  # finding
        """,
    )
    compliant = (
        """
        from dataclasses import dataclass, replace

        @dataclass(frozen=True)
        class Account:
            balance: int

            def pay(self, amount):
                return replace(self, balance=self.balance - amount)

            def __post_init__(self):
                object.__setattr__(self, "balance", int(self.balance))
        """,
        """
        from dataclasses import dataclass

        @dataclass(frozen=False)
        class Account:
            balance: int

            def pay(self, amount):
                self.balance -= amount
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for node in module.nodes(ast.ClassDef):
            maker = dataclass_of(module, node)
            options = {k.arg: k.value for k in getattr(maker, "keywords", [])}
            if module.constant(options.get("frozen"), False) is not True:
                continue
            for target in ast.walk(node):
                if isinstance(target, ast.Attribute) and isinstance(target.ctx, ast.Store | ast.Del):
                    if module.names.owner(target.value) is node:
                        yield self.finding(
                            module,
                            target,
                            "The class is frozen, so this raises an error. Use `replace`.",
                            anchor=module.enclosing_statement(target),
                        )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Assign) or len(node.targets) != 1:
            return None
        target = node.targets[0].target
        function = repair.module.enclosing_function(repair.target)
        if function is None or function.name not in MAKERS or not isinstance(target, cst.Attribute):
            return None
        owner, value = code_of(target.value), code_of(node.value)
        return cst.Expr(parsed(f'object.__setattr__({owner}, "{target.attr.value}", {value})'))
