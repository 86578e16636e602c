"""Gradients that pile up."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import method
from kibitz_reviewer.engines.edits import parsed
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.engines.loops import loop_around
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity


class TorchMissingZeroGrad(Rule):
    """Loop trains without clearing the gradients.

    `backward` adds to the gradients that are there: without `zero_grad` each step also follows all steps before.

    Call `optimizer.zero_grad()` in each turn, before `backward`.
    """

    severity = Severity.MEDIUM
    aliases = ("python/pytorch-miss-call-to-zero-grad@v1.0",)
    triggers = ("backward",)
    fix = Applicability.SUGGESTED
    fix_title = "Clear the gradients first"
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

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        around = repair.module.enclosing_function(repair.target) or repair.module.tree
        steps = [c for c in repair.module.within(around, ast.Call) if method(c) == "step" and not c.args]
        line = repair.parent(repair.parent(node) or node)
        if (
            len(steps) != 1
            or not isinstance(steps[0].func, ast.Attribute)
            or not isinstance(line, cst.SimpleStatementLine)
        ):
            return None
        clear = parsed(f"{ast.unparse(steps[0].func.value)}.zero_grad()")
        before = cst.SimpleStatementLine([cst.Expr(clear)], leading_lines=line.leading_lines)
        repair.replace(line, cst.FlattenSentinel([before, line.with_changes(leading_lines=[])]))
        return None
