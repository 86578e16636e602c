"""Waiting by hand."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.loops import LOOPS, Loop
from kibitz_reviewer.engines.names import FUNCTIONS
from kibitz_reviewer.rule import Finding, Rule, Severity

WAITERS = {
    "describe_instances": "instance_running",
    "describe_instance_status": "instance_status_ok",
    "describe_volumes": "volume_available",
    "describe_snapshots": "snapshot_completed",
    "describe_images": "image_available",
    "describe_table": "table_exists",
    "describe_db_instances": "db_instance_available",
    "describe_stacks": "stack_create_complete",
    "describe_services": "services_stable",
    "describe_tasks": "tasks_stopped",
    "describe_cluster": "cluster_active",
    "describe_stream": "stream_exists",
    "get_function": "function_active_v2",
    "get_function_configuration": "function_active_v2",
    "head_object": "object_exists",
    "head_bucket": "bucket_exists",
    "get_distribution": "distribution_deployed",
    "get_command_invocation": "command_executed",
}


class PollingInsteadOfWaiter(Rule):
    """AWS resource is polled in a hand-made loop.

    The client has waiters that know the states, the pace and when to give up. A loop of one's own mostly misses the states that
    mean failure, and then never ends.

    Use `client.get_waiter("table_exists").wait(TableName=...)`; pace and patience go in `WaiterConfig`.
    """

    severity = Severity.LOW
    aliases = ("python/aws-polling-instead-of-waiter@v1.0",)
    triggers = ("boto3",)
    noncompliant = (
        """
        import time
        import boto3

        ec2 = boto3.client("ec2")

        def wait(identifier):
            while True:
                answer = ec2.describe_instances(InstanceIds=[identifier])  # finding
                if answer["Reservations"][0]["Instances"][0]["State"]["Name"] == "running":
                    break
                time.sleep(5)
        """,
        """
        import time
        import boto3

        def ready(name):
            client = boto3.client("dynamodb")
            while client.describe_table(TableName=name)["Table"]["TableStatus"] != "ACTIVE":  # finding
                time.sleep(1)
        """,
    )
    compliant = (
        """
        import boto3

        ec2 = boto3.client("ec2")

        def wait(identifier):
            ec2.get_waiter("instance_running").wait(InstanceIds=[identifier])
        """,
        """
        import time
        import boto3

        ec2 = boto3.client("ec2")

        def watch(report):
            while True:
                report(ec2.describe_account_attributes())
                time.sleep(60)
        """,
        """
        import boto3

        def states(names):
            client = boto3.client("dynamodb")
            for name in names:
                yield client.describe_table(TableName=name)["Table"]["TableStatus"]
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        sleeps = module.calls("time.sleep", "asyncio.sleep")
        for call in module.calls("boto3.*") if sleeps else ():
            name = (module.qualified_name(call.func) or "").rpartition(".")[2]
            loop = _loop(module, call)
            if (
                name not in WAITERS
                or loop is None
                or not any(loop in module.ancestors(sleep) for sleep in sleeps)
            ):
                continue
            if isinstance(loop, ast.While) or _counts(module, loop):
                message = f'This loop polls by hand and may never end. Use a waiter, such as `get_waiter("{WAITERS[name]}")`.'
                yield self.finding(module, call, message)


def _loop(module: Module, call: ast.Call) -> Loop | None:
    """The loop around a call within its function; one that ends when the call succeeds counts too."""
    for around in module.ancestors(call):
        if isinstance(around, LOOPS):
            return around
        if isinstance(around, (*FUNCTIONS, ast.Lambda)):
            return None
    return None


def _counts(module: Module, loop: ast.For | ast.AsyncFor) -> bool:
    """Whether a ``for`` counts attempts instead of walking over things."""
    return isinstance(loop.iter, ast.Call) and module.qualified_name(loop.iter.func) in (
        "range",
        "itertools.count",
    )
