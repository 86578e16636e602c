"""Softmax where its logarithm is meant."""

from __future__ import annotations

from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.tensors import SOFTMAX, mismatches
from kibitz_reviewer.rule import Finding, Rule, Severity


class TorchSoftmaxBeforeNll(Rule):
    """Softmax stands before `NLLLoss`, which expects logarithms.

    The loss is then computed from plain probabilities: it is wrong, and training goes nowhere in particular.

    Use `LogSoftmax`, or `CrossEntropyLoss` on the raw outputs.
    """

    severity = Severity.MEDIUM
    aliases = ("python/pytorch-avoid-softmax-with-nllloss-rule@v1.0",)
    triggers = ("NLLLoss", "nll_loss")
    noncompliant = (
        """
        import torch.nn as nn

        model = nn.Sequential(nn.Linear(10, 3), nn.Softmax(dim=1))
        criterion = nn.NLLLoss()  # finding
        """,
        """
        import torch.nn.functional as F

        def loss(outputs, targets):
            return F.nll_loss(F.softmax(outputs, dim=1), targets)  # finding
        """,
    )
    compliant = (
        """
        import torch.nn as nn

        model = nn.Sequential(nn.Linear(10, 3), nn.LogSoftmax(dim=1))
        criterion = nn.NLLLoss()
        """,
        """
        import torch.nn.functional as F

        def loss(outputs, targets):
            return F.nll_loss(F.log_softmax(outputs, dim=1), targets), F.softmax(outputs, dim=1)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        message = "`NLLLoss` expects logarithms. Use `LogSoftmax`, or `CrossEntropyLoss` on the raw outputs."
        yield from mismatches(
            self, module, ("torch.nn.NLLLoss",), ("torch.nn.functional.nll_loss",), SOFTMAX, message
        )
