"""Figures that make callers wait."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.loops import is_lambda_handler
from kibitz_reviewer.engines.names import FUNCTIONS
from kibitz_reviewer.rule import Finding, Rule, Severity


class MetricsInHandler(Rule):
    """Lambda function sends its metrics to CloudWatch while its caller waits.

    Each call costs tens of milliseconds and is billed, and the API is throttled when the function is busy.

    Print the metric in the embedded format: CloudWatch takes it from the log.
    """

    severity = Severity.HIGH
    cwe = (1210,)
    aliases = ("python/sync-metric-publish@v1.0",)
    triggers = ("put_metric_data",)
    noncompliant = (
        """
        import boto3

        cloudwatch = boto3.client("cloudwatch")

        def lambda_handler(event, context):
            cloudwatch.put_metric_data(Namespace="shop", MetricData=[{"MetricName": "orders", "Value": 1}])  # finding
        """,
        """
        import boto3

        def count():
            boto3.client("cloudwatch").put_metric_data(Namespace="shop", MetricData=[])  # finding

        def handler(event, context):
            count()
        """,
    )
    compliant = (
        """
        import json

        def lambda_handler(event, context):
            print(json.dumps({"_aws": {"CloudWatchMetrics": []}, "orders": 1}))
        """,
        """
        import boto3

        def nightly():
            boto3.client("cloudwatch").put_metric_data(Namespace="shop", MetricData=[])
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        handlers = [f for f in module.nodes(*FUNCTIONS) if is_lambda_handler(module, f)]
        if not handlers:
            return
        called = {
            n.id if isinstance(n, ast.Name) else n.attr
            for h in handlers
            for n in ast.walk(h)
            if isinstance(n, ast.Name | ast.Attribute)
        }
        for call in module.method_calls("put_metric_data"):
            around = module.enclosing_function(call)
            if around in handlers or (around is not None and around.name in called):
                yield self.finding(
                    module,
                    call,
                    "The caller waits for this. Print the metric in CloudWatch's embedded format instead.",
                )
