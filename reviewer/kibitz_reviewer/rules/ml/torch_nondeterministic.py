"""Sums that differ from run to run."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import argument, is_false, name_of
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Confidence, Finding, Rule, Severity

LOOSE = frozenset(
    {
        "index_add_",
        "scatter_add_",
        "index_put_",
        "index_copy",
        "index_add",
        "scatter_add",
        "bincount",
        "put_",
        "MaxUnpool2d",
        "AdaptiveAvgPool2d",
        "kthvalue",
        "histc",
        "grid_sample",
        "ReflectionPad2d",
        "EmbeddingBag",
        "CTCLoss",
        "median",
        "interpolate",
    }
)


class TorchNondeterministic(Rule):
    """Training is seeded, but left free to compute in another order each time.

    Some operations on the GPU add in whatever order is quickest: the seed alone does not make results the same.

    Call `torch.use_deterministic_algorithms(True)`, and leave `cudnn.benchmark` off.
    """

    severity = Severity.MEDIUM
    confidence = Confidence.MEDIUM
    aliases = ("python/pytorch-use-nondeterministic-algorithm@v1.0",)
    triggers = ("torch",)
    noncompliant = (
        """
        import torch

        def setup():
            torch.manual_seed(17)
            torch.backends.cudnn.benchmark = True  # finding
        """,
        """
        import torch

        def setup():
            torch.manual_seed(17)
            torch.use_deterministic_algorithms(False)  # finding
        """,
        """
        import torch

        torch.manual_seed(17)  # finding

        def spread(index, source, size):
            return torch.zeros(size).cuda().index_add_(0, index, source)
        """,
    )
    compliant = (
        """
        import torch

        def setup():
            torch.manual_seed(17)
            torch.use_deterministic_algorithms(True)
            torch.backends.cudnn.benchmark = False
        """,
        """
        import torch

        def layer(size):
            return torch.nn.Linear(size, size)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        message = (
            "The seed alone does not make results the same. Call `torch.use_deterministic_algorithms(True)`."
        )
        for assign in module.nodes(ast.Assign):
            for target in assign.targets:
                if (
                    name_of(module, target) == "torch.backends.cudnn.benchmark"
                    and module.constant(assign.value) is True
                ):
                    yield self.finding(module, assign, message)
                if (
                    name_of(module, target) == "torch.backends.cudnn.deterministic"
                    and module.constant(assign.value) is False
                ):
                    yield self.finding(module, assign, message)
        for call in module.calls("torch.use_deterministic_algorithms", "torch.set_deterministic"):
            if is_false(module, argument(call, 0, "mode", "d")):
                yield self.finding(module, call, message)
        calls = module.calls("torch.manual_seed", "torch.cuda.manual_seed", "torch.cuda.manual_seed_all")
        settles = module.words & {
            "use_deterministic_algorithms",
            "deterministic",
            "set_deterministic",
            "benchmark",
        }
        if calls and not settles and module.words & LOOSE:
            yield self.finding(module, calls[0], message)
