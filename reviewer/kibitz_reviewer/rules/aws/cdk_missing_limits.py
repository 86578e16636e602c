"""Resources that nothing holds back."""

from __future__ import annotations

from kibitz_reviewer.engines.cdk import CdkRule, Demand
from kibitz_reviewer.rule import Confidence, Severity


class CdkMissingLimits(CdkRule):
    """Resource of a CDK stack can be lost, or can grow without a limit.

    A mistaken deployment deletes the data; a loop of calls runs up costs until somebody looks.

    Keep backups and protection against deletion, and set limits.
    """

    severity = Severity.HIGH
    confidence = Confidence.MEDIUM
    cwe = (399,)
    aliases = ("python/resource-management-errors-cdk@v1.0",)
    triggers = ("aws_cdk", "monocdk")
    noncompliant = (
        """
        from aws_cdk import aws_dynamodb as dynamodb, aws_rds as rds

        def make(scope, key, vpc, engine):
            dynamodb.Table(scope, "Orders", partition_key=key)  # finding
            rds.DatabaseInstance(scope, "Shop", vpc=vpc, engine=engine, deletion_protection=False)  # finding
        """,
    )
    compliant = (
        """
        from aws_cdk import aws_dynamodb as dynamodb

        def make(scope, key):
            return dynamodb.Table(scope, "Orders", partition_key=key, point_in_time_recovery=True)
        """,
        """
        from aws_cdk import aws_rds as rds

        def make(scope, vpc, engine):
            return rds.DatabaseInstance(scope, "Shop", vpc=vpc, engine=engine, deletion_protection=True)
        """,
    )

    demands = (
        Demand(
            "aws_rds.DatabaseInstance",
            "deletion_protection",
            bad=(False,),
            optional=True,
            say="Set `deletion_protection=True`.",
        ),
        Demand(
            "aws_rds.DatabaseCluster",
            "deletion_protection",
            bad=(False,),
            optional=True,
            say="Set `deletion_protection=True`.",
        ),
        Demand(
            "aws_rds.CfnDBInstance",
            "deletion_protection",
            want=(True,),
            say="Set `deletion_protection=True`.",
        ),
        Demand(
            "aws_rds.CfnDBCluster", "deletion_protection", want=(True,), say="Set `deletion_protection=True`."
        ),
        Demand(
            "aws_rds.DatabaseInstance",
            "backup_retention",
            zero=True,
            optional=True,
            say="Keep backups for some days.",
        ),
        Demand(
            "aws_rds.CfnDBInstance",
            "backup_retention_period",
            bad=(0,),
            optional=True,
            say="Keep backups for some days.",
        ),
        Demand(
            "aws_elasticache.CfnCacheCluster",
            "snapshot_retention_limit",
            bad=(0,),
            say="Keep snapshots for some days.",
        ),
        Demand(
            "aws_elasticache.CfnReplicationGroup",
            "snapshot_retention_limit",
            bad=(0,),
            optional=True,
            say="Keep snapshots for some days.",
        ),
        Demand(
            "aws_dynamodb.Table",
            "point_in_time_recovery",
            want=(True,),
            unless=("point_in_time_recovery_specification",),
            say="Set `point_in_time_recovery=True`.",
        ),
        Demand(
            "aws_dynamodb.CfnTable",
            "point_in_time_recovery_specification",
            say="Set `point_in_time_recovery_specification`.",
        ),
        Demand(
            "aws_neptune.CfnDBCluster",
            "backup_retention_period",
            bad=(0, 1),
            optional=True,
            say="Keep backups for some days.",
        ),
        Demand(
            "aws_docdb.CfnDBCluster",
            "backup_retention_period",
            bad=(0, 1),
            optional=True,
            say="Keep backups for some days.",
        ),
        Demand(
            "aws_redshift.CfnCluster",
            "automated_snapshot_retention_period",
            bad=(0,),
            optional=True,
            say="Keep snapshots for some days.",
        ),
    )
