"""Two names for one tensor."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import method
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Confidence, Finding, Rule, Severity

IN_PLACE = re.compile(
    r"(?:add|sub|mul|div|pow|clamp|exp|log|neg|relu|sigmoid|tanh|abs|sqrt|floor|ceil|round|fill|zero|copy|scatter|index_add|masked_fill|transpose|t|squeeze|unsqueeze|addmm|addcmul|addcdiv|remainder|erf|sin|cos)_$"
)


class TorchInPlaceAlias(Rule):
    """Result of an operation in place is bound to another name.

    `x.add_(1)` changes `x` and gives it back: both names are the same tensor, and the old value is gone.

    Use the operation without underscore, or do not bind the result.
    """

    severity = Severity.INFO
    confidence = Confidence.MEDIUM
    aliases = ("python/pytorch-assign-in-place-mod@v1.0",)
    triggers = ("torch",)
    noncompliant = (
        """
        import torch

        def shifted(x):
            y = x.add_(1)  # finding
            return x, y
        """,
    )
    compliant = (
        """
        import torch

        def shifted(x):
            y = x.add(1)
            x.mul_(2)
            x = x.sub_(1)
            return x, y
        """,
        """
        import torch

        def fresh(size):
            weights = torch.empty(size).normal_(0, 1)
            ready = weights.requires_grad_()
            return ready
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        if "torch" not in module.imported:
            return
        for assign in module.nodes(ast.Assign):
            call = assign.value
            if (
                isinstance(call, ast.Call)
                and IN_PLACE.match(method(call))
                and isinstance(call.func, ast.Attribute)
            ):
                owner = call.func.value
                if isinstance(owner, ast.Name | ast.Attribute) and ast.unparse(owner) not in {
                    ast.unparse(t) for t in assign.targets
                }:
                    yield self.finding(
                        module,
                        assign,
                        "Both names are the same tensor now. Use the operation without underscore.",
                    )
