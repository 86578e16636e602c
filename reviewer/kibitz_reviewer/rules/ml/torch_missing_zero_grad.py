"""Gradients that pile up."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import method
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.loops import loop_around
from kibitz_reviewer.rule import Finding, Rule, Severity


class TorchMissingZeroGrad(Rule):
    """Loop trains without clearing the gradients.

    `backward` adds to the gradients that are there: without `zero_grad` each step also follows all steps before.

    Call `optimizer.zero_grad()` in each turn, before `backward`.
    """

    severity = Severity.MEDIUM
    aliases = ("python/pytorch-miss-call-to-zero-grad@v1.0",)
    triggers = ("backward",)
    noncompliant = (
        """
        import torch

        def train(model, loader, criterion):
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for inputs, targets in loader:
                loss = criterion(model(inputs), targets)
                loss.backward()  # finding
                optimizer.step()
        """,
    )
    compliant = (
        """
        import torch

        def train(model, loader, criterion):
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for inputs, targets in loader:
                optimizer.zero_grad()
                loss = criterion(model(inputs), targets)
                loss.backward()
                optimizer.step()
        """,
        """
        import torch

        def slope(x):
            y = (x ** 2).sum()
            y.backward()
            return x.grad

        def train(model, loader, accelerator):
            for batch in loader:
                model.zero_grad(set_to_none=True)
                model(batch).backward()
                model.step()
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        if "torch" not in module.imported:
            return
        for call in module.method_calls("backward"):
            loop = loop_around(module, call)
            around = module.enclosing_function(call) or module.tree
            if loop is None:
                continue
            called = {method(c) for c in module.within(around, ast.Call)}
            clears = any(isinstance(n, ast.Attribute) and n.attr == "grad" for n in ast.walk(around)) or any(
                "zero" in name and "grad" in name for name in called
            )
            if "step" in called and not clears:
                yield self.finding(
                    module, call, "Gradients of all turns add up. Call `optimizer.zero_grad()` first."
                )
