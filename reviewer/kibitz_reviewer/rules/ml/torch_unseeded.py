"""Trainings nobody can repeat."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import name_of
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Confidence, Finding, Rule, Severity


class TorchUnseeded(Rule):
    """Training takes random numbers from no fixed start.

    A result that cannot be repeated can be neither compared nor explained.

    Call `torch.manual_seed` (and those of `random` and `numpy` where they are used) at the start.
    """

    severity = Severity.MEDIUM
    confidence = Confidence.MEDIUM
    aliases = ("python/pytorch-control-sources-of-randomness@v1.0",)
    triggers = ("optim",)
    noncompliant = (
        """
        import torch

        def main(model, data):
            loader = torch.utils.data.DataLoader(data, shuffle=True)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)  # finding
            for inputs in loader:
                optimizer.zero_grad()
                model(inputs).backward()
                optimizer.step()
        """,
    )
    compliant = (
        """
        import torch

        torch.manual_seed(17)

        def main(model, data):
            loader = torch.utils.data.DataLoader(data, shuffle=True)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for inputs in loader:
                optimizer.zero_grad()
                model(inputs).backward()
                optimizer.step()
        """,
        """
        import torch

        def layer(size):
            return torch.nn.Linear(size, size)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        seeds = {
            "manual_seed",
            "seed_everything",
            "set_seed",
            "manual_seed_all",
            "set_random_seed",
            "fix_seed",
            "seed_all",
            "setup_seed",
            "init_seeds",
        }
        if seeds & module.words or not (module.words & {"backward", "fit"}):
            return
        starts = [
            c for c in module.nodes(ast.Call) if name_of(module, c.func).startswith("torch.optim.") and c.args
        ]
        if starts:
            yield self.finding(
                module, starts[0], "This training cannot be repeated. Call `torch.manual_seed` at the start."
            )
