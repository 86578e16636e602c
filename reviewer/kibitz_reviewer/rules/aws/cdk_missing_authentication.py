"""Resources without a password."""

from __future__ import annotations

from kibitz_reviewer.engines.cdk import CdkRule, Demand
from kibitz_reviewer.rule import Confidence, Severity


class CdkMissingAuthentication(CdkRule):
    """Resource of a CDK stack lets callers in without asking who they are.

    Whoever can reach it uses it: a cache without a token, a function's URL for the world, identities for guests.

    Ask for a token or an IAM identity.
    """

    severity = Severity.HIGH
    confidence = Confidence.MEDIUM
    cwe = (306,)
    aliases = ("python/missing-authentication-for-critical-function-cdk@v1.0",)
    triggers = ("aws_cdk", "monocdk")
    noncompliant = (
        """
        from aws_cdk import aws_cognito as cognito, aws_lambda as lambda_

        def make(scope, function):
            function.add_function_url(auth_type=lambda_.FunctionUrlAuthType.NONE)  # finding
            cognito.CfnIdentityPool(scope, "People", allow_unauthenticated_identities=True)  # finding
        """,
    )
    compliant = (
        """
        from aws_cdk import aws_cognito as cognito, aws_lambda as lambda_

        def make(scope, function):
            function.add_function_url(auth_type=lambda_.FunctionUrlAuthType.AWS_IAM)
            cognito.CfnIdentityPool(scope, "People", allow_unauthenticated_identities=False)
        """,
        """
        from aws_cdk import aws_elasticache as cache

        def make(scope, token):
            cache.CfnReplicationGroup(scope, "Cache", replication_group_description="x", auth_token=token)
        """,
    )

    demands = (
        Demand(
            "aws_elasticache.CfnReplicationGroup",
            "auth_token",
            unless=("user_group_ids",),
            say="Set `auth_token=`.",
        ),
        Demand(
            "aws_lambda.FunctionUrl",
            "auth_type",
            bad=("NONE",),
            optional=True,
            say="Use `FunctionUrlAuthType.AWS_IAM`.",
        ),
        Demand("aws_lambda.CfnUrl", "auth_type", bad=("NONE",), optional=True, say="Use `AWS_IAM`."),
        Demand(
            "aws_lambda.FunctionUrlOptions",
            "auth_type",
            bad=("NONE",),
            optional=True,
            say="Use `FunctionUrlAuthType.AWS_IAM`.",
        ),
        Demand(
            ".add_function_url",
            "auth_type",
            bad=("NONE",),
            optional=True,
            say="Use `FunctionUrlAuthType.AWS_IAM`.",
        ),
        Demand(
            "aws_cognito.CfnIdentityPool",
            "allow_unauthenticated_identities",
            bad=(True,),
            optional=True,
            say="Set `allow_unauthenticated_identities=False`.",
        ),
        Demand(
            "aws_cognito_identitypool_alpha.IdentityPool",
            "allow_unauthenticated_identities",
            bad=(True,),
            optional=True,
            say="Set `allow_unauthenticated_identities=False`.",
        ),
        Demand(
            "aws_opensearchservice.Domain",
            "use_unsigned_basic_auth",
            bad=(True,),
            optional=True,
            say="Use signed requests.",
        ),
        Demand("aws_cognito.UserPool", "mfa", bad=("OFF",), optional=True, say="Set `mfa=Mfa.REQUIRED`."),
        Demand("aws_msk_alpha.Cluster", "client_authentication", say="Set `client_authentication=`."),
    )
