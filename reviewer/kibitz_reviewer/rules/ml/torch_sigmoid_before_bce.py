"""Sigmoid and its loss taken apart."""

from __future__ import annotations

from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.tensors import SIGMOID, mismatches
from kibitz_reviewer.rule import Finding, Rule, Severity


class TorchSigmoidBeforeBce(Rule):
    """Sigmoid stands before `BCELoss` instead of within the loss.

    Taken apart the two lose digits: for outputs far from zero the logarithm becomes infinite, and the gradient zero.

    Use `BCEWithLogitsLoss` on the raw outputs.
    """

    severity = Severity.MEDIUM
    aliases = ("python/pytorch-sigmoid-before-bceloss@v1.0",)
    triggers = ("BCELoss", "binary_cross_entropy")
    noncompliant = (
        """
        import torch.nn as nn

        model = nn.Sequential(nn.Linear(10, 1), nn.Sigmoid())
        criterion = nn.BCELoss()  # finding
        """,
        """
        import torch
        import torch.nn.functional as F

        def loss(outputs, targets):
            return F.binary_cross_entropy(torch.sigmoid(outputs), targets)  # finding
        """,
    )
    compliant = (
        """
        import torch.nn as nn

        model = nn.Sequential(nn.Linear(10, 1))
        criterion = nn.BCEWithLogitsLoss()
        """,
        """
        import torch.nn.functional as F

        def loss(outputs, targets):
            return F.binary_cross_entropy_with_logits(outputs, targets)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        message = "Apart from its sigmoid this loss loses digits. Use `BCEWithLogitsLoss` on the raw outputs."
        yield from mismatches(
            self,
            module,
            ("torch.nn.BCELoss",),
            ("torch.nn.functional.binary_cross_entropy",),
            SIGMOID,
            message,
        )
