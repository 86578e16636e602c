"""Annotations that say something else."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.engines.names import FUNCTIONS
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Confidence, Finding, Rule, Severity


class DefaultOfOtherType(Rule):
    """Annotation of a default or a field contradicts the value.

    Readers and type checkers trust it; `None` where it says `int` fails far from here.

    Say what may come: `int | None`.
    """

    severity = Severity.LOW
    confidence = Confidence.MEDIUM
    cwe = (628,)
    triggers = ("def",)
    fix = Applicability.SUGGESTED
    fix_title = "Say that None may come"
    noncompliant = (
        """
        def wait(seconds: int = None):  # finding
            return seconds

        def name(text: str = 0) -> str:  # finding
            return text
        """,
    )
    compliant = (
        """
        from typing import Any, Optional

        def wait(seconds: int | None = None, unit: Optional[str] = None, extra: Any = None, ratio: float = 1):
            return seconds
        """,
        """
        def wait(seconds: "int | None" = None, flag: int = True, other=None):
            return seconds
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for function in module.nodes(*FUNCTIONS):
            arguments = function.args
            positional = [*arguments.posonlyargs, *arguments.args]
            pairs = list(zip(reversed(positional), reversed(arguments.defaults), strict=False))
            pairs += [
                (a, d)
                for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
                if d is not None
            ]
            wrong = [
                a.arg
                for a, d in pairs
                if isinstance(a.annotation, ast.Name)
                and isinstance(d, ast.Constant)
                and self._clashes(a.annotation.id, d.value)
            ]
            if wrong:
                yield self.finding(
                    module,
                    function,
                    f"The default of `{wrong[-1]}` is not of the type it says. Say what may come.",
                )

    def _clashes(self, name: str, value: object) -> bool:
        accepted: dict[str, tuple[type, ...]] = {
            "int": (int,),
            "str": (str,),
            "float": (int, float),
            "bool": (bool,),
            "bytes": (bytes,),
            "list": (),
            "dict": (),
            "set": (),
            "tuple": (),
        }
        return name in accepted and value is not ... and not isinstance(value, accepted[name])

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.FunctionDef):
            return None
        params = node.params
        return node.with_changes(
            params=params.with_changes(
                params=[_optional(each) for each in params.params],
                kwonly_params=[_optional(each) for each in params.kwonly_params],
            )
        )


def _optional(param: cst.Param) -> cst.Param:
    """A parameter whose default is None and whose annotation is a plain name, said to be either."""
    default, annotation = param.default, param.annotation
    if annotation is None or not isinstance(annotation.annotation, cst.Name):
        return param
    if (
        not isinstance(default, cst.Name)
        or default.value != "None"
        or annotation.annotation.value in ("object", "Any")
    ):
        return param
    either = cst.BinaryOperation(annotation.annotation, cst.BitOr(), cst.Name("None"))
    return param.with_changes(annotation=annotation.with_changes(annotation=either))
