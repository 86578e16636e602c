"""Tensors made in one place and moved."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import argument, keyword, method, name_of
from kibitz_reviewer.engines.edits import code_of, with_keyword
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity

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
    fix = Applicability.SUGGESTED
    fix_title = "Make it on its device"
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

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        if not isinstance(node.func, cst.Attribute) or not isinstance(made := node.func.value, cst.Call):
            return None
        if node.func.attr.value == "cuda":
            return with_keyword(made, "device", '"cuda"') if not node.args else None
        if len(node.args) != 1:
            return None
        return with_keyword(made, "device", code_of(node.args[0].value))
