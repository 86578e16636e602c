"""Models that are programs."""

from __future__ import annotations

from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import keywords_of
from kibitz_reviewer.engines.edits import with_keyword
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Confidence, Finding, Rule, Severity

LOADERS = ("torch.load", "torch.serialization.load")


class UnsafeModelLoad(Rule):
    """Model file is loaded as a pickle, which may run anything.

    `torch.load` reads pickles. Without `weights_only=True` whatever the file says is run while it is loaded, before PyTorch 2.6 by
    default; models are shared and downloaded far more freely than programs.

    Pass `weights_only=True` and load a state dictionary, or keep weights as safetensors.
    """

    severity = Severity.MEDIUM
    confidence = Confidence.MEDIUM
    cwe = (502,)
    aliases = ("python/untrusted-deserialization@v1.0",)
    triggers = ("torch",)
    fix = Applicability.SUGGESTED
    fix_title = "Load weights only"
    noncompliant = (
        """
        import torch

        def restore(model, path):
            model.load_state_dict(torch.load(path, map_location="cpu"))  # finding
            model.eval()
            return model
        """,
        """
        from torch import load

        class Predictor:
            def __init__(self, path):
                self.network = load(path, weights_only=False)  # finding
                self.network.eval()
        """,
    )
    compliant = (
        """
        import torch

        def restore(model, path):
            model.load_state_dict(torch.load(path, weights_only=True))
            model.eval()
            return model
        """,
        """
        import torch

        def restore(path, **options):
            network = torch.load(path, **options)
            network.eval()
            return network
        """,
        """
        import torch
        from torch.utils.cpp_extension import load

        torch.manual_seed(1)
        kernels = load("kernels", sources=["kernels.cpp"])
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls(*LOADERS):
            given = dict(keywords_of(module, call))
            is_hidden = any(each.arg is None for each in call.keywords) and "weights_only" not in given
            is_safe = "weights_only" in given and module.constant(given["weights_only"], ...) is not False
            if call.args and not is_hidden and not is_safe:
                yield self.finding(
                    module,
                    call,
                    "Loading this runs whatever the file says. Pass `weights_only=True`, or keep weights as safetensors.",
                )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        return with_keyword(node, "weights_only", "True") if isinstance(node, cst.Call) else None
