"""Databases that know passwords only."""

from __future__ import annotations

from kibitz_reviewer.engines.cdk import CdkRule, Demand
from kibitz_reviewer.rule import Confidence, Severity


class CdkDatabaseAuthentication(CdkRule):
    """Database of a CDK stack cannot be entered with an IAM identity.

    Passwords are then kept in configurations, are shared and are never changed; an IAM token ends after fifteen minutes.

    Set `iam_authentication=True`.
    """

    severity = Severity.HIGH
    confidence = Confidence.MEDIUM
    cwe = (287,)
    aliases = ("python/improper-authentication-cdk@v1.0",)
    triggers = ("aws_cdk", "monocdk")
    noncompliant = (
        """
        from aws_cdk import aws_rds as rds

        def make(scope, vpc, engine):
            return rds.DatabaseInstance(scope, "Shop", vpc=vpc, engine=engine, storage_encrypted=True)  # finding
        """,
    )
    compliant = (
        """
        from aws_cdk import aws_rds as rds

        def make(scope, vpc, engine):
            return rds.DatabaseInstance(scope, "Shop", vpc=vpc, engine=engine, iam_authentication=True)
        """,
        """
        from aws_cdk import aws_rds as rds

        def make(scope, vpc, engine, **options):
            return rds.DatabaseInstance(scope, "Shop", vpc=vpc, engine=engine, **options)
        """,
    )

    demands = (
        Demand(
            "aws_rds.DatabaseInstance",
            "iam_authentication",
            want=(True,),
            say="Set `iam_authentication=True`.",
        ),
        Demand(
            "aws_rds.DatabaseCluster",
            "iam_authentication",
            want=(True,),
            say="Set `iam_authentication=True`.",
        ),
        Demand(
            "aws_rds.CfnDBInstance",
            "enable_iam_database_authentication",
            want=(True,),
            say="Set `enable_iam_database_authentication=True`.",
        ),
        Demand(
            "aws_rds.CfnDBCluster",
            "enable_iam_database_authentication",
            want=(True,),
            say="Set `enable_iam_database_authentication=True`.",
        ),
        Demand(
            "aws_neptune.CfnDBCluster", "iam_auth_enabled", want=(True,), say="Set `iam_auth_enabled=True`."
        ),
        Demand(
            "aws_neptune_alpha.DatabaseCluster",
            "iam_authentication",
            want=(True,),
            say="Set `iam_authentication=True`.",
        ),
    )
