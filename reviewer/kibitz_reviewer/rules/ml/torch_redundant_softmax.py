"""Softmax taken twice."""

from __future__ import annotations

from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.tensors import LOG_SOFTMAX, SOFTMAX, mismatches
from kibitz_reviewer.rule import Finding, Rule, Severity


class TorchRedundantSoftmax(Rule):
    """Softmax stands before `CrossEntropyLoss`, which takes it itself.

    Taken twice it flattens the differences: gradients become tiny, and training slow or stuck.

    Give the raw outputs to the loss.
    """

    severity = Severity.MEDIUM
    aliases = ("python/pytorch-redundant-softmax@v1.0",)
    triggers = ("CrossEntropyLoss", "cross_entropy")
    noncompliant = (
        """
        import torch.nn as nn

        model = nn.Sequential(nn.Linear(10, 3), nn.Softmax(dim=1))
        criterion = nn.CrossEntropyLoss()  # finding
        """,
        """
        import torch
        import torch.nn.functional as F

        def loss(net, inputs, targets):
            outputs = torch.softmax(net(inputs), dim=1)
            return F.cross_entropy(outputs, targets)  # finding
        """,
    )
    compliant = (
        """
        import torch.nn as nn

        model = nn.Sequential(nn.Linear(10, 3))
        criterion = nn.CrossEntropyLoss()
        """,
        """
        import torch
        import torch.nn.functional as F

        def loss(net, inputs, targets):
            outputs = net(inputs)
            shown = torch.softmax(outputs, dim=1)
            return F.cross_entropy(outputs, targets), shown
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        message = "This loss takes the softmax itself. Give it the raw outputs."
        yield from mismatches(
            self,
            module,
            ("torch.nn.CrossEntropyLoss",),
            ("torch.nn.functional.cross_entropy",),
            SOFTMAX | LOG_SOFTMAX,
            message,
        )
