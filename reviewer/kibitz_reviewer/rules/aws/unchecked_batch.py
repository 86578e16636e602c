"""Batches that half succeed."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Finding, Rule, Severity

BATCHES = {
    "batch_write_item": "UnprocessedItems",
    "batch_get_item": "UnprocessedKeys",
    "put_records": "FailedRecordCount",
    "put_record_batch": "FailedPutCount",
    "put_events": "FailedEntryCount",
    "send_message_batch": "Failed",
    "delete_message_batch": "Failed",
    "publish_batch": "Failed",
    "delete_objects": "Errors",
}


class UncheckedBatch(Rule):
    """Failures inside a batch are not looked at.

    A batch call succeeds even if AWS refused some or all of its entries, mostly by throttling; which ones is in the answer. Code that
    does not look loses data without an error.

    Read that field and send those entries again, with a growing pause; DynamoDB's `table.batch_writer()` does it by itself.
    """

    severity = Severity.MEDIUM
    cwe = (252, 253)
    aliases = ("python/aws-unchecked-batch-failures@v1.0",)
    triggers = ("boto3",)
    noncompliant = (
        """
        import boto3

        dynamodb = boto3.client("dynamodb")

        def save(items):
            dynamodb.batch_write_item(RequestItems={"orders": items})  # finding
        """,
        """
        import boto3

        def send(entries):
            queue = boto3.client("sqs")
            answer = queue.send_message_batch(QueueUrl="https://queue", Entries=entries)  # finding
            print(len(answer["Successful"]))
        """,
    )
    compliant = (
        """
        import boto3

        dynamodb = boto3.client("dynamodb")

        def save(items):
            rest = {"orders": items}
            while rest:
                rest = dynamodb.batch_write_item(RequestItems=rest)["UnprocessedItems"]
        """,
        """
        import boto3

        table = boto3.resource("dynamodb").Table("orders")

        def save(items):
            with table.batch_writer() as batch:
                for item in items:
                    batch.put_item(Item=item)
        """,
        """
        import boto3

        kinesis = boto3.client("kinesis")

        def put(records):
            return kinesis.put_records(StreamName="s", Records=records)

        def send(records, check):
            check(kinesis.put_records(StreamName="s", Records=records))
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls("boto3.*"):
            name = (module.qualified_name(call.func) or "").rpartition(".")[2]
            field = BATCHES.get(name)
            if field is not None and _is_unread(module, call, field):
                message = (
                    f"`{name}` may fail for some entries. Read `{field}` in the answer and send those again."
                )
                yield self.finding(module, call, message)


def _is_unread(module: Module, call: ast.Call, field: str) -> bool:
    """Whether the answer is dropped, or kept in a variable of which only other fields are read."""
    parent = module.parent(call)
    if isinstance(parent, ast.Expr):
        return True
    target = parent.targets[0] if isinstance(parent, ast.Assign) and len(parent.targets) == 1 else None
    if not isinstance(target, ast.Name):
        return False
    around: ast.AST = module.enclosing_function(call) or module.tree
    uses = [
        n
        for n in ast.walk(around)
        if isinstance(n, ast.Name) and n.id == target.id and isinstance(n.ctx, ast.Load)
    ]
    return all(_field_read(module, use) not in (field, None) for use in uses)


def _field_read(module: Module, use: ast.Name) -> str | None:
    """The field that ``use`` reads; None if it does anything else."""
    parent = module.parent(use)
    if isinstance(parent, ast.Subscript) and parent.value is use and isinstance(parent.slice, ast.Constant):
        return str(parent.slice.value)
    if isinstance(parent, ast.Attribute) and parent.attr == "get":
        call = module.parent(parent)
        if isinstance(call, ast.Call) and call.args and isinstance(call.args[0], ast.Constant):
            return str(call.args[0].value)
    return None
