"""Tensors made in one place and moved."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import argument, keyword, method, name_of
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Finding, Rule, Severity

MAKERS = frozenset(
    f"torch.{name}"
    for name in (
        "rand",
        "randn",
        "randint",
        "zeros",
        "ones",
        "full",
        "empty",
        "arange",
        "linspace",
        "eye",
        "tensor",
        "randperm",
        "normal",
        "logspace",
        "zeros_like",
        "ones_like",
    )
)


class TorchTensorMoved(Rule):
    """Tensor is made on the CPU and then moved to its device.

    It is made, copied and thrown away each time: several times the work of making it where it is used.

    Pass `device=` when it is made.
    """

    severity = Severity.MEDIUM
    aliases = ("python/pytorch-create-tensors-directly-on-device@v1.0",)
    triggers = ("to", "cuda")
    noncompliant = (
        """
        import torch

        def noise(size, device):
            return torch.rand(size).to(device)  # finding
        """,
        """
        import torch

        def mask(size):
            return torch.zeros(size, size).cuda()  # finding
        """,
    )
    compliant = (
        """
        import torch

        def noise(size, device):
            return torch.rand(size, device=device)
        """,
        """
        import torch

        def batch(loader, model, device):
            model.to(device)
            for inputs in loader:
                yield inputs.to(device), torch.ones(3).to(torch.float64), torch.from_numpy(inputs).to(device)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.method_calls("to", "cuda"):
            made = call.func.value if isinstance(call.func, ast.Attribute) else None
            if (
                not isinstance(made, ast.Call)
                or name_of(module, made.func) not in MAKERS
                or keyword(made, "device") is not None
            ):
                continue
            target = argument(call, 0, "device")
            if method(call) == "to" and (
                target is None or re.search(r"float|int|dtype|long|half|double|bool", ast.unparse(target))
            ):
                continue
            yield self.finding(
                module, call, "It is made, copied and thrown away. Pass `device=` when it is made."
            )
