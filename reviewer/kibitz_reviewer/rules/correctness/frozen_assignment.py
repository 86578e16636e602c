"""Writing to what is frozen."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.dataclasses import dataclass_of
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Finding, Rule, Severity


class FrozenAssignment(Rule):
    """Method of a frozen dataclass assigns to its own field.

    It raises `FrozenInstanceError` whenever it runs.

    Return a changed copy with `dataclasses.replace`; in `__post_init__` use `object.__setattr__`.
    """

    severity = Severity.HIGH
    triggers = ("frozen",)
    noncompliant = (
        """
        from dataclasses import dataclass

        @dataclass(frozen=True)
        class Account:
            balance: int

            def pay(self, amount):
                self.balance -= amount  # finding
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
                            module, target, "The class is frozen, so this raises an error. Use `replace`."
                        )
