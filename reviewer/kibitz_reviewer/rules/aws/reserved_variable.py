"""Variables that belong to Lambda."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import name_of
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Finding, Rule, Severity

RESERVED = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "LAMBDA_TASK_ROOT",
        "LAMBDA_RUNTIME_DIR",
    }
)


class ReservedVariable(Rule):
    """Reserved environment variable of AWS Lambda is overwritten.

    The runtime and the SDK read it: a changed region, handler or key leads calls elsewhere, for this and for later requests.

    Choose a name of your own.
    """

    severity = Severity.HIGH
    cwe = (15,)
    aliases = ("python/lambda-override-reserved@v1.0",)
    triggers = ("environ", "putenv")
    noncompliant = (
        """
        import os

        def lambda_handler(event, context):
            os.environ["AWS_REGION"] = event["region"]  # finding
        """,
        """
        import os

        os.environ.update({"AWS_LAMBDA_FUNCTION_NAME": "other"})  # finding
        os.environ["_HANDLER"] = "app.main"  # finding
        os.putenv("AWS_SECRET_ACCESS_KEY", "x")  # finding
        """,
    )
    compliant = (
        """
        import os

        def lambda_handler(event, context):
            os.environ["SHOP_REGION"] = event["region"]
            return os.environ["AWS_REGION"]
        """,
        """
        settings = {}
        settings["AWS_REGION"] = "eu-west-1"
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        message = "Lambda and the SDK read this variable. Choose a name of your own."
        for node in module.nodes(ast.Subscript):
            if (
                not isinstance(node.ctx, ast.Load)
                and name_of(module, node.value) == "os.environ"
                and module.constant(node.slice) in RESERVED
            ):
                yield self.finding(module, module.enclosing_statement(node) or node, message)
        for call in module.calls(
            "os.putenv", "os.environ.setdefault", "os.environ.update", "os.unsetenv", "os.environ.pop"
        ):
            keys = (
                [module.constant(call.args[0])]
                if call.args and not isinstance(call.args[0], ast.Dict)
                else []
            )
            keys += [module.constant(k) for a in call.args if isinstance(a, ast.Dict) for k in a.keys]
            keys += [k.arg for k in call.keywords]
            if any(key in RESERVED for key in keys):
                yield self.finding(module, call, message)
