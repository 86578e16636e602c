"""Comparisons PEP 8 advises against."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.edits import code_of, parsed
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity

QUERIES = (
    "filter",
    "where",
    "having",
    "filter_by",
    "select",
    "and_",
    "or_",
    "not_",
    "case",
    "join",
    "outerjoin",
    "loc",
    "query",
    "on",
    "update",
    "delete",
    "exclude",
    "all",
    "any",
    "when",
    "if_else",
)


class Pep8Comparison(Rule):
    """Comparison or definition is written in a way that PEP 8 advises against.

    `== None` asks the other object, which may answer anything; `type(x) == T` refuses subclasses; `not x in y` reads wrongly; a
    lambda with a name has none in a traceback.

    Write `is None`, `isinstance`, `not in`, `def`.
    """

    severity = Severity.INFO
    cwe = (1078,)
    aliases = ("python/pep8-recommendations@v1.0", "python/equality-vs-identity@v1.0")
    fix = Applicability.SUGGESTED
    fix_title = "Write it as PEP 8 advises"
    noncompliant = (
        """
        def check(value, names):
            if value == None:  # finding
                return False
            if value == True:  # finding
                return True
            if type(value) == str:  # finding
                return not value in names  # finding
            return None != names  # finding
        """,
        """
        double = lambda x: 2 * x  # finding

        def has(text):
            if not text is None:  # finding
                return text[:3] == "abc"  # finding
        """,
    )
    compliant = (
        """
        def check(value, names):
            if value is None or not value:
                return False
            if isinstance(value, str):
                return value not in names
            return type(value) is dict
        """,
        """
        import sqlalchemy as sa

        def query(table, frame):
            rows = table.select().where(table.c.name == None)
            table.filter(table.c.active == True)
            return frame[frame.flag == False], sorted(rows, key=lambda row: row.id)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for node in module.nodes(ast.Compare):
            problem = self._compared(module, node)
            if problem and not _is_query(module, node):
                yield self.finding(module, node, problem)
        for negation in module.nodes(ast.UnaryOp):
            inner = negation.operand
            if (
                isinstance(negation.op, ast.Not)
                and isinstance(inner, ast.Compare)
                and len(inner.ops) == 1
                and isinstance(inner.ops[0], ast.In | ast.Is)
            ):
                word = "not in" if isinstance(inner.ops[0], ast.In) else "is not"
                yield self.finding(module, negation, f"Write `{word}`.")
        for assign in module.nodes(ast.Assign):
            if (
                isinstance(assign.value, ast.Lambda)
                and len(assign.targets) == 1
                and isinstance(assign.targets[0], ast.Name)
            ):
                yield self.finding(module, assign, "A lambda has no name in a traceback. Write `def`.")

    def _compared(self, module: Module, node: ast.Compare) -> str:
        if len(node.ops) != 1:
            return ""
        left, op, right = node.left, node.ops[0], node.comparators[0]
        if isinstance(op, ast.Eq | ast.NotEq):
            for side in (left, right):
                if isinstance(side, ast.Constant) and side.value is None:
                    return "`==` asks the other object. Write `is None` or `is not None`."
                if isinstance(side, ast.Constant) and (side.value is True or side.value is False):
                    return "Write the condition itself, or `not` before it."
            sides = [
                s
                for s in (left, right)
                if isinstance(s, ast.Call) and module.qualified_name(s.func) == "type" and len(s.args) == 1
            ]
            if len(sides) == 1 and isinstance(right if sides[0] is left else left, ast.Name | ast.Attribute):
                return "Subclasses are refused. Use `isinstance`."
            return self._cut(module, left, right)
        return ""

    def _cut(self, module: Module, left: ast.expr, right: ast.expr) -> str:
        """``text[:3] == "abc"``."""
        if (
            not isinstance(left, ast.Subscript)
            or not isinstance(left.slice, ast.Slice)
            or left.slice.step is not None
        ):
            return ""
        text = module.constant(right)
        upper, lower = left.slice.upper, left.slice.lower
        if isinstance(text, str) and isinstance(right, ast.Constant):
            if lower is None and upper is not None and module.constant(upper) == len(text):
                return "Use `startswith`, which needs no counting."
            if upper is None and lower is not None and module.constant(lower) == -len(text):
                return "Use `endswith`, which needs no counting."
        return ""

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if isinstance(node, cst.UnaryOperation) and isinstance(inner := node.expression, cst.Comparison):
            target = inner.comparisons[0]
            word: cst.BaseCompOp = cst.NotIn() if isinstance(target.operator, cst.In) else cst.IsNot()
            return inner.with_changes(
                comparisons=[target.with_changes(operator=word)], lpar=node.lpar or (), rpar=node.rpar or ()
            )
        if isinstance(node, cst.Comparison) and len(node.comparisons) == 1:
            return _plain(node, bool(node.lpar))
        return None


def _is_query(module: Module, node: ast.Compare) -> bool:
    """Whether a comparison builds a condition for a database or selects rows: there `==` is meant."""
    for around in module.ancestors(node):
        if (
            isinstance(around, ast.Call)
            and isinstance(around.func, ast.Attribute)
            and around.func.attr in QUERIES
        ):
            return True
        if isinstance(around, ast.Subscript) and isinstance(around.value, ast.Name | ast.Attribute):
            return True
        if isinstance(around, ast.stmt):
            return False
    return False


def _plain(node: cst.Comparison, in_brackets: bool) -> cst.BaseExpression | None:
    """``is None`` for ``== None``, ``isinstance`` for ``type(x) == T``, the condition itself for ``== True``."""
    target = node.comparisons[0]
    left, right, equal = node.left, target.comparator, isinstance(target.operator, cst.Equal)
    if isinstance(right, cst.Name) and right.value == "None":
        word: cst.BaseCompOp = cst.Is() if equal else cst.IsNot()
        return node.with_changes(comparisons=[target.with_changes(operator=word)])
    if isinstance(right, cst.Name) and right.value in ("True", "False"):
        bare = left if isinstance(left, cst.Name | cst.Attribute | cst.Call | cst.Subscript) else None
        if bare is None or in_brackets:
            return None
        return bare if equal is (right.value == "True") else cst.UnaryOperation(cst.Not(), bare)
    if isinstance(left, cst.Call) and isinstance(left.func, cst.Name) and left.func.value == "type":
        test = f"isinstance({code_of(left.args[0].value)}, {code_of(right)})"
        return parsed(test if equal else f"not {test}")
    return _cut_off(left, right, equal)


def _cut_off(left: cst.BaseExpression, right: cst.BaseExpression, equal: bool) -> cst.BaseExpression | None:
    if (
        not isinstance(left, cst.Subscript)
        or len(left.slice) != 1
        or not isinstance(part := left.slice[0].slice, cst.Slice)
    ):
        return None
    name = "startswith" if part.lower is None else "endswith"
    test = f"{code_of(left.value)}.{name}({code_of(right)})"
    return parsed(test if equal else f"not {test}")
