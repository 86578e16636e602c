"""APIs that check no request."""

from __future__ import annotations

from kibitz_reviewer.engines.cdk import CdkRule, Demand
from kibitz_reviewer.rule import Confidence, Severity


class CdkUncheckedRequests(CdkRule):
    """API of a CDK stack hands requests on without checking their form.

    The functions behind see whatever is sent, and each must find out by itself what is wrong with it.

    Add a `RequestValidator` to the API, and name it in its methods.
    """

    severity = Severity.HIGH
    confidence = Confidence.MEDIUM
    cwe = (20, 232)
    aliases = (
        "python/improper-input-validation-cdk@v1.0",
        "python/improper-handling-of-undefined-values-cdk@v1.0",
    )
    triggers = ("RequestValidator", "CfnRequestValidator", "CfnMethod")
    noncompliant = (
        """
        from aws_cdk import aws_apigateway as api

        def make(scope, rest):
            api.RequestValidator(scope, "Check", rest_api=rest, validate_request_body=False)  # finding
        """,
    )
    compliant = (
        """
        from aws_cdk import aws_apigateway as api

        def make(scope, rest):
            api.RequestValidator(scope, "Check", rest_api=rest, validate_request_body=True, validate_request_parameters=True)
        """,
        """
        from forms import RequestValidator

        def make(scope, rest):
            return RequestValidator(scope, rest, validate_request_body=False)
        """,
    )

    demands = (
        Demand(
            "aws_apigateway.RequestValidator",
            "validate_request_body",
            bad=(False,),
            optional=True,
            say="Set `validate_request_body=True`.",
        ),
        Demand(
            "aws_apigateway.RequestValidator",
            "validate_request_parameters",
            bad=(False,),
            optional=True,
            say="Set `validate_request_parameters=True`.",
        ),
        Demand(
            "aws_apigateway.CfnRequestValidator",
            "validate_request_body",
            bad=(False,),
            optional=True,
            say="Set `validate_request_body=True`.",
        ),
        Demand("aws_apigateway.CfnMethod", "request_validator_id", say="Set `request_validator_id=`."),
        Demand(
            ".add_method",
            "request_validator",
            unless=("request_validator_options",),
            imported="aws_cdk.aws_apigateway",
            first=("OPTIONS", "GET", "DELETE", "HEAD"),
            unless_given=("request_models",),
            optional=True,
        ),
    )
