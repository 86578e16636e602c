"""Routes without an authorizer."""

from __future__ import annotations

from kibitz_reviewer.engines.cdk import CdkRule, Demand
from kibitz_reviewer.rule import Confidence, Severity


class CdkMissingAuthorizer(CdkRule):
    """Route of an API in a CDK stack has no authorizer.

    Everybody on the internet may call what stands behind it.

    Name an authorizer, or ask for IAM: `authorization_type=AuthorizationType.IAM`.
    """

    severity = Severity.HIGH
    confidence = Confidence.MEDIUM
    cwe = (285, 862)
    aliases = ("python/missing-authorization-cdk@v1.0",)
    triggers = ("add_method", "Method", "CfnMethod", "CfnRoute", "HttpRoute", "add_routes")
    noncompliant = (
        """
        from aws_cdk import aws_apigateway as api

        def make(scope, backend):
            rest = api.RestApi(scope, "Shop")
            orders = rest.root.add_resource("orders")
            orders.add_method("GET", api.LambdaIntegration(backend))  # finding
        """,
        """
        from aws_cdk import aws_apigateway as api

        def make(orders):
            orders.add_method("POST", authorization_type=api.AuthorizationType.NONE)  # finding
        """,
    )
    compliant = (
        """
        from aws_cdk import aws_apigateway as api

        def make(orders, backend, guard):
            orders.add_method("GET", api.LambdaIntegration(backend), authorizer=guard)
            orders.add_method("POST", authorization_type=api.AuthorizationType.IAM)
            orders.add_method("OPTIONS", api.MockIntegration())
        """,
        """
        class Registry:
            def fill(self, table):
                table.add_method("GET", self.fill)
        """,
    )

    demands = (
        Demand(
            ".add_method",
            "authorizer",
            unless=("authorization_type", "api_key_required", "default_method_options"),
            imported="aws_cdk.aws_apigateway",
            say="Set `authorizer=` or `authorization_type=`.",
            first=("OPTIONS",),
        ),
        Demand(
            ".add_method",
            "authorization_type",
            bad=("NONE",),
            optional=True,
            imported="aws_cdk.aws_apigateway",
            say="Set `authorizer=`, or another `authorization_type`.",
            first=("OPTIONS",),
        ),
        Demand("aws_apigateway.Method", "authorizer", unless=("options",), say="Set `authorizer=`."),
        Demand(
            "aws_apigateway.CfnMethod", "authorization_type", bad=("NONE",), say="Set `authorization_type`."
        ),
        Demand(
            "aws_apigatewayv2.CfnRoute", "authorization_type", bad=("NONE",), say="Set `authorization_type`."
        ),
        Demand("aws_apigatewayv2.HttpRoute", "authorizer", say="Set `authorizer=`."),
        Demand("aws_apigatewayv2_alpha.HttpRoute", "authorizer", say="Set `authorizer=`."),
        Demand(".add_routes", "authorizer", imported="aws_cdk.aws_apigatewayv2", say="Set `authorizer=`."),
        Demand(
            ".add_routes", "authorizer", imported="aws_cdk.aws_apigatewayv2_alpha", say="Set `authorizer=`."
        ),
    )
