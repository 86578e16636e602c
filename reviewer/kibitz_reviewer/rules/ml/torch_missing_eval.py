"""Models judged while they train."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kibitz_reviewer.engines.edits import statement
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.engines.names import FUNCTIONS
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Confidence, Finding, Rule, Severity

JUDGES = re.compile(r"(?i)(?:^|_)(?:eval\w*|valid\w*|test\w*|infer\w*|predict\w*)(?:_|$)")
MODEL = re.compile(r"(?i)\w*(?:model|net|network|classifier|encoder)")


class TorchMissingEval(Rule):
    """Model is judged without being told that it is.

    In training mode dropout drops and batch norm learns: the figures are off, differ from run to run, and the model changes by
    being looked at.

    Call `model.eval()` first.
    """

    severity = Severity.MEDIUM
    confidence = Confidence.MEDIUM
    aliases = ("python/pytorch-miss-call-to-eval@v1.0",)
    triggers = ("torch",)
    fix = Applicability.SUGGESTED
    fix_title = "Put the model into evaluation mode"
    noncompliant = (
        """
        import torch

        def validate(model, loader):
            hits = 0
            with torch.no_grad():
                for inputs, targets in loader:
                    hits += (model(inputs).argmax(1) == targets).sum()  # finding
            return hits
        """,
        """
        import torch

        def predict(path, inputs):
            model = torch.load(path)
            return model(inputs)  # finding
        """,
    )
    compliant = (
        """
        import torch

        def validate(model, loader):
            hits = 0
            model.eval()
            with torch.no_grad():
                for inputs, targets in loader:
                    hits += (model(inputs).argmax(1) == targets).sum()
            return hits
        """,
        """
        import torch

        def update(model, old):
            with torch.no_grad():
                for ours, theirs in zip(model.parameters(), old.parameters()):
                    ours.copy_(theirs)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        # What Keras calls a model asks for its mode with each call.
        if "torch" not in module.imported or any(
            name.partition(".")[0] == "keras" for name in module.imported
        ):
            return
        for function in module.nodes(*FUNCTIONS):
            text = ast.unparse(function)
            if (
                ".eval()" in text
                or ".train(False)" in text
                or (
                    not JUDGES.search(function.name)
                    and "torch.load(" not in text
                    and "load_state_dict(" not in text
                )
            ):
                continue
            if ".backward()" in text or ".train()" in text or ".step()" in text:
                continue
            for call in module.within(function, ast.Call):
                if isinstance(call.func, ast.Name) and MODEL.fullmatch(call.func.id) and call.args:
                    definition = module.definition(call.func)
                    if definition is None:
                        yield self.finding(
                            module,
                            call,
                            "In training mode the answers are off. Call `eval()` on the model first.",
                        )
                        break

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        function = repair.module.enclosing_function(repair.target)
        if not isinstance(node, cst.Call) or not isinstance(node.func, cst.Name) or function is None:
            return None
        name = node.func.value
        if name not in {
            a.arg for a in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
        }:
            return None
        around: cst.CSTNode | None = node
        while around is not None and not isinstance(around, cst.FunctionDef):
            around = repair.parent(around)
        if around is None or not isinstance(around.body, cst.IndentedBlock):
            return None
        first = around.body.body[1 if around.get_docstring() is not None and len(around.body.body) > 1 else 0]
        before = statement(f"{name}.eval()\n")
        repair.replace(first, cst.FlattenSentinel([before, first]))
        return None
