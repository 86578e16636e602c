"""APIs that keep no record."""

from __future__ import annotations

from kibitz_reviewer.engines.cdk import CdkRule, Demand
from kibitz_reviewer.rule import Confidence, Severity


class CdkApiLogs(CdkRule):
    """API of a CDK stack keeps no access log.

    Without it nobody can tell who called what: neither mistakes nor attacks can be traced.

    Give its stage a destination for access logs.
    """

    severity = Severity.HIGH
    confidence = Confidence.MEDIUM
    cwe = (778,)
    aliases = ("python/api-logging-disabled-cdk@v1.0",)
    triggers = ("aws_cdk", "monocdk")
    noncompliant = (
        """
        from aws_cdk import aws_apigateway as api

        def make(scope):
            api.RestApi(scope, "Shop")  # finding
            api.CfnStage(scope, "Live", rest_api_id="abc")  # finding
        """,
    )
    compliant = (
        """
        from aws_cdk import aws_apigateway as api

        def make(scope, group):
            options = api.StageOptions(access_log_destination=api.LogGroupLogDestination(group))
            return api.RestApi(scope, "Shop", deploy_options=options)
        """,
        """
        from aws_cdk import aws_apigateway as api

        def make(scope, api_id, settings):
            return api.CfnStage(scope, "Live", rest_api_id=api_id, access_log_setting=settings)
        """,
    )

    demands = (
        Demand(
            "aws_apigateway.RestApi",
            "deploy_options",
            unless=("deploy",),
            say="Set `deploy_options=StageOptions(access_log_destination=...)`.",
        ),
        Demand(
            "aws_apigateway.LambdaRestApi",
            "deploy_options",
            unless=("deploy",),
            say="Set `deploy_options=StageOptions(access_log_destination=...)`.",
        ),
        Demand(
            "aws_apigateway.SpecRestApi",
            "deploy_options",
            unless=("deploy",),
            say="Set `deploy_options=StageOptions(access_log_destination=...)`.",
        ),
        Demand(
            "aws_apigateway.StageOptions",
            "access_log_destination",
            unless=("logging_level",),
            say="Set `access_log_destination=`.",
        ),
        Demand(
            "aws_apigateway.Stage",
            "access_log_destination",
            unless=("logging_level",),
            say="Set `access_log_destination=`.",
        ),
        Demand("aws_apigateway.CfnStage", "access_log_setting", say="Set `access_log_setting=`."),
        Demand("aws_apigatewayv2.CfnStage", "access_log_settings", say="Set `access_log_settings=`."),
        Demand(
            "aws_apigateway.StageOptions",
            "logging_level",
            bad=("OFF",),
            optional=True,
            say="Set `logging_level` to INFO or ERROR.",
        ),
        Demand("aws_appsync.GraphqlApi", "log_config", say="Set `log_config=`."),
        Demand("aws_appsync.CfnGraphQLApi", "log_config", say="Set `log_config=`."),
    )
