"""Attributes written behind the class."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.edits import text_value
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Confidence, Finding, Rule, Severity


class ChangedDictAttribute(Rule):
    """Attributes are written through `__dict__`.

    Properties, slots and descriptors of the class are passed over: values that it would have refused or converted stand there as
    they are.

    Use `setattr`, or an attribute by its name.
    """

    severity = Severity.LOW
    confidence = Confidence.MEDIUM
    cwe = (915,)
    aliases = ("python/object-dict-modification@v1.0",)
    triggers = ("__dict__", "vars")
    fix = Applicability.SUGGESTED
    fix_title = "Set the attribute itself"
    noncompliant = (
        """
        def load(account, values):
            account.__dict__["balance"] = values["balance"]  # finding
            account.__dict__.update(values)  # finding
        """,
        """
        class Settings:
            def __init__(self, values):
                vars(self)["name"] = values["name"]  # finding
        """,
    )
    compliant = (
        """
        def load(account, values):
            for name, value in values.items():
                setattr(account, name, value)
            return dict(account.__dict__)
        """,
        """
        class Lazy:
            def __get__(self, instance, owner):
                value = instance.__dict__[self.name] = self.make(instance)
                return value

            def __getstate__(self):
                state = self.__dict__.copy()
                state.pop("lock", None)
                return state

            def __setstate__(self, state):
                self.__dict__.update(state)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        message = "Properties and slots of the class are passed over. Use `setattr`, or the attribute itself."
        for node in module.nodes(ast.Subscript):
            if (
                not isinstance(node.ctx, ast.Load)
                and _is_dict(module, node.value)
                and not _is_protocol(module, node)
            ):
                yield self.finding(module, module.enclosing_statement(node) or node, message)
        for call in module.method_calls("update", "setdefault", "pop", "clear", "__setitem__", "popitem"):
            if (
                isinstance(call.func, ast.Attribute)
                and _is_dict(module, call.func.value)
                and not _is_protocol(module, call)
            ):
                yield self.finding(module, call, message)
        for whole in module.nodes(ast.Attribute):
            if (
                whole.attr == "__dict__"
                and isinstance(whole.ctx, ast.Store)
                and not _is_protocol(module, whole)
            ):
                yield self.finding(module, module.enclosing_statement(whole) or whole, message)

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.SimpleStatementLine | cst.Assign):
            return None
        assign = node.body[0] if isinstance(node, cst.SimpleStatementLine) else node
        if not isinstance(assign, cst.Assign) or len(assign.targets) != 1:
            return None
        target = assign.targets[0].target
        if (
            not isinstance(target, cst.Subscript)
            or not isinstance(target.value, cst.Attribute)
            or len(target.slice) != 1
        ):
            return None
        key = target.slice[0].slice
        if not isinstance(key, cst.Index):
            return None
        owner, name = target.value.value, text_value(key.value)
        if name is not None and name.isidentifier():
            new: cst.BaseSmallStatement = assign.with_changes(
                targets=[cst.AssignTarget(cst.Attribute(owner, cst.Name(name)))]
            )
        else:
            new = cst.Expr(
                cst.Call(cst.Name("setattr"), [cst.Arg(owner), cst.Arg(key.value), cst.Arg(assign.value)])
            )
        return node.with_changes(body=[new]) if isinstance(node, cst.SimpleStatementLine) else new


def _is_dict(module: Module, node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return module.qualified_name(node.func) == "vars" and len(node.args) == 1
    return isinstance(node, ast.Attribute) and node.attr == "__dict__"


def _is_protocol(module: Module, node: ast.AST) -> bool:
    """Whether a method that must work beneath the attributes does it: pickling, copying, descriptors."""
    around = module.enclosing_function(node)
    if around is None:
        return False
    return around.name in (
        "__setstate__",
        "__getstate__",
        "__get__",
        "__set__",
        "__delete__",
        "__copy__",
        "__deepcopy__",
        "__setattr__",
        "__getattr__",
        "__delattr__",
        "__new__",
        "__reduce__",
        "__getattribute__",
        "copy",
        "__exit__",
    )
