"""AWS clients made again and again."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from kibitz_reviewer.engines.arguments import texts
from kibitz_reviewer.engines.edits import code_of, is_local
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.engines.loops import is_handler, repeats
from kibitz_reviewer.engines.text import text_of
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Confidence, Finding, Rule, Severity

MAKERS = (
    "boto3.client",
    "boto3.resource",
    "boto3.Session().client",
    "boto3.Session().resource",
    "boto3.session.Session().client",
    "boto3.session.Session().resource",
)
CACHES = ("functools.cache", "functools.lru_cache")


class ClientPerCall(Rule):
    """AWS client is made again for every call.

    Making a client loads and parses the service's description, looks for credentials, and begins with no open connection: tens of
    milliseconds and a TLS handshake, each time. In a Lambda it is paid for at every invocation.

    Make it once, at module level or in an object that lives long, and share it: clients are safe to use from several threads.
    """

    severity = Severity.MEDIUM
    aliases = ("python/lambda-client-reuse@v1.0",)
    triggers = ("boto3",)
    fix = Applicability.SUGGESTED
    fix_title = "Make the client once, above the function"
    noncompliant = (
        """
        import boto3

        def handler(event, context):
            table = boto3.resource("dynamodb").Table("orders")  # finding
            return table.get_item(Key={"id": event["id"]})
        """,
        """
        import boto3

        def upload(paths):
            for path in paths:
                boto3.client("s3").upload_file(path, "bucket", path)  # finding
        """,
        """
        import boto3

        def notify(message):
            client = boto3.client("sns")  # finding
            client.publish(TopicArn="arn:aws:sns:eu-west-1:1:t", Message=message)
        """,
    )
    compliant = (
        """
        import boto3

        TABLE = boto3.resource("dynamodb").Table("orders")

        def handler(event, context):
            return TABLE.get_item(Key={"id": event["id"]})
        """,
        """
        import boto3

        def clients(regions):
            return {region: boto3.client("ec2", region_name=region) for region in regions}
        """,
        """
        import functools
        import boto3

        @functools.cache
        def client():
            return boto3.client("s3")

        def make():
            return boto3.client("s3")
        """,
        """
        import boto3

        class Store:
            def __init__(self):
                self.s3 = boto3.client("s3")

        def main():
            s3 = boto3.client("s3")
            for page in s3.get_paginator("list_objects_v2").paginate(Bucket="b"):
                print(page)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls(*MAKERS):
            function = module.enclosing_function(call)
            if function is None and not repeats(module, call):
                continue
            if not _is_fixed(module, call):
                continue
            if repeats(module, call):
                yield self._found(module, call, "at every turn of the loop")
            elif function is not None and is_handler(module, function) and not _is_kept(module, call):
                yield self._found(module, call, "for every request")
            elif function is not None and _is_for_one_call(module, function, call):
                yield replace(
                    self._found(module, call, "for every call of the function"), confidence=Confidence.MEDIUM
                )

    def _found(self, module: Module, call: ast.Call, when: str) -> Finding:
        message = (
            f"This client is made anew {when}, which takes tens of milliseconds. Make it once and share it."
        )
        return self.finding(module, call, message)

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        made = repair.target
        if not isinstance(made, ast.Call) or repair.module.enclosing_function(made) is None:
            return None
        if any(isinstance(n, ast.Name) and is_local(repair.module, n) for n in ast.walk(made)):
            return None
        statement = repair.module.enclosing_statement(made)
        if (
            isinstance(statement, ast.Assign)
            and statement.value is made
            and isinstance(statement.targets[0], ast.Name)
        ):
            wanted = statement.targets[0].id.upper()
        else:
            wanted = (
                "_".join(["CLIENT", *texts(repair.module, made.args[0] if made.args else None)])
                .upper()
                .replace("-", "_")
            )
        return cst.Name(repair.hoist(wanted, code_of(node)))


def _is_fixed(module: Module, call: ast.Call) -> bool:
    """Whether the same client would do every time: no argument changes."""
    values = [*call.args, *(keyword.value for keyword in call.keywords)]
    return all(text_of(module, value).is_constant for value in values)


def _is_kept(module: Module, call: ast.Call) -> bool:
    """Whether the client is stored beyond the call: a global, an attribute, an item."""
    statement = module.enclosing_statement(call)
    if not isinstance(statement, (ast.Assign, ast.AnnAssign)):
        return isinstance(statement, ast.Return)
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    shared = {name for node in module.nodes(ast.Global, ast.Nonlocal) for name in node.names}
    return any(not isinstance(target, ast.Name) or target.id in shared for target in targets)


def _is_for_one_call(
    module: Module, function: ast.FunctionDef | ast.AsyncFunctionDef, call: ast.Call
) -> bool:
    """Whether the function makes the client to use it itself and then drops it."""
    name = function.name
    if name in ("main", "__init__", "setup", "setUp", "lambda_handler") or name.startswith(
        ("test", "make", "create", "build", "_main")
    ):
        return name == "lambda_handler"
    decorators = [each.func if isinstance(each, ast.Call) else each for each in function.decorator_list]
    if any(module.qualified_name(each) in CACHES or "fixture" in ast.unparse(each) for each in decorators):
        return False
    parent = module.parent(call)
    if isinstance(parent, ast.Attribute):
        return True
    if _is_kept(module, call) or not isinstance(parent, ast.Assign):
        return False
    target = parent.targets[0]
    uses = [
        n
        for n in ast.walk(function)
        if isinstance(n, ast.Name) and isinstance(target, ast.Name) and n.id == target.id and n is not target
    ]
    return bool(uses) and all(isinstance(module.parent(use), ast.Attribute) for use in uses)
