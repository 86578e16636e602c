"""Answers without a status."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import method
from kibitz_reviewer.engines.edits import code_of, parsed
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Confidence, Finding, Rule, Severity


class UncheckedMetadata(Rule):
    """Status of an AWS answer is read without asking whether it is there.

    Stubs, retries and some operations answer without `ResponseMetadata`: reading into it then fails far from the cause.

    Ask with `.get`, or catch `ClientError`, which is how boto3 tells of failures.
    """

    severity = Severity.MEDIUM
    confidence = Confidence.MEDIUM
    cwe = (476,)
    aliases = ("python/missing-none-check@v1.0",)
    triggers = ("ResponseMetadata",)
    fix = Applicability.SUGGESTED
    fix_title = "Ask with `get`"
    noncompliant = (
        """
        import boto3

        def keep(item):
            table = boto3.client("dynamodb")
            answer = table.put_item(TableName="orders", Item=item)
            return answer["ResponseMetadata"]["HTTPStatusCode"] == 200  # finding
        """,
        """
        import boto3

        def send(message):
            answer = boto3.client("sns").publish(TopicArn="arn", Message=message)
            metadata = answer.get("ResponseMetadata")
            return metadata.get("HTTPStatusCode")  # finding
        """,
    )
    compliant = (
        """
        import boto3

        def keep(item):
            answer = boto3.client("dynamodb").put_item(TableName="orders", Item=item)
            metadata = answer.get("ResponseMetadata")
            if metadata is None:
                return False
            return metadata.get("HTTPStatusCode") == 200
        """,
        """
        import boto3

        def keep(item):
            answer = boto3.client("dynamodb").put_item(TableName="orders", Item=item)
            if "ResponseMetadata" in answer:
                return answer["ResponseMetadata"]["HTTPStatusCode"] == 200
            return answer.get("ResponseMetadata", {}).get("HTTPStatusCode") == 200
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        message = "The answer may come without metadata. Ask for it first, or catch `ClientError` instead."
        for node in module.nodes(ast.Subscript, ast.Call):
            inner = (
                node.func.value
                if isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "get"
                else node.value
                if isinstance(node, ast.Subscript)
                else None
            )
            if inner is None or not _is_metadata(module, inner):
                continue
            around = module.enclosing_function(node) or module.tree
            names = {ast.unparse(inner)} | ({inner.id} if isinstance(inner, ast.Name) else set())
            if not any(_asks(module, test, names) for test in _tests(around)):
                yield self.finding(module, node, message)

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Subscript) or not isinstance(node.value, cst.Subscript):
            return None
        keys = [code_of(each.slice[0].slice) for each in (node.value, node)]
        return parsed(f"{code_of(node.value.value)}.get({keys[0]}, {{}}).get({keys[1]})")


def _is_metadata(module: Module, node: ast.expr) -> bool:
    """Whether an expression is an answer's metadata, taken without a default."""
    value = module.value_of(node)
    if isinstance(value, ast.Subscript):
        return module.constant(value.slice) == "ResponseMetadata"
    if isinstance(value, ast.Call) and method(value) == "get" and len(value.args) == 1:
        return module.constant(value.args[0]) == "ResponseMetadata"
    return False


def _tests(around: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(around):
        if isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert):
            yield node.test
        elif isinstance(node, ast.BoolOp):
            yield from node.values
        elif (
            isinstance(node, ast.ExceptHandler)
            and node.type is not None
            and re.search("KeyError|TypeError|Exception$", ast.unparse(node.type))
        ):
            yield ast.Constant("ResponseMetadata")


def _asks(module: Module, test: ast.expr, names: set[str]) -> bool:
    """Whether a condition looks at whether the metadata is there."""
    if isinstance(test, ast.UnaryOp):
        return _asks(module, test.operand, names)
    if isinstance(test, ast.BoolOp):
        return any(_asks(module, value, names) for value in test.values)
    if isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Is | ast.IsNot | ast.In | ast.NotIn):
        return "ResponseMetadata" in ast.unparse(test) or ast.unparse(test.left) in names
    return ast.unparse(test) in names or (isinstance(test, ast.Constant) and test.value == "ResponseMetadata")
