"""Gradients nobody will use."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Finding, Rule, Severity


class TorchGradientsInEvaluation(Rule):
    """Model is judged with gradients being recorded.

    Each step keeps what `backward` would need: memory grows with each batch, and time is lost.

    Put it beneath `with torch.no_grad():` (or `torch.inference_mode()`).
    """

    severity = Severity.MEDIUM
    aliases = ("python/pytorch-disable-gradient-calculation@v1.0",)
    triggers = ("eval",)
    noncompliant = (
        """
        import torch

        def validate(model, loader):
            model.eval()
            hits = 0
            for inputs, targets in loader:  # finding
                hits += (model(inputs).argmax(1) == targets).sum()
            return hits
        """,
    )
    compliant = (
        """
        import torch

        def validate(model, loader):
            model.eval()
            hits = 0
            with torch.no_grad():
                for inputs, targets in loader:
                    hits += (model(inputs).argmax(1) == targets).sum()
            return hits
        """,
        """
        import torch

        @torch.inference_mode()
        def validate(model, loader):
            model.eval()
            return [model(inputs) for inputs, _ in loader]

        def train(model, loader, criterion):
            model.eval()
            for inputs, targets in loader:
                criterion(model(inputs), targets).backward()
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        if "torch" not in module.imported:
            return
        for call in module.method_calls("eval"):
            around = module.enclosing_function(call) or module.tree
            if call.args or not isinstance(call.func, ast.Attribute):
                continue
            text = ast.unparse(around)
            if re.search(r"no_grad|inference_mode|set_grad_enabled|\.backward\(|requires_grad", text):
                continue
            model = ast.unparse(call.func.value)
            for loop in module.within(around, ast.For):
                uses = any(isinstance(n, ast.Call) and ast.unparse(n.func) == model for n in ast.walk(loop))
                if uses and loop.lineno > call.lineno:
                    yield self.finding(
                        module,
                        loop,
                        "Gradients are recorded and never used. Put this beneath `with torch.no_grad():`.",
                    )
                    break
