"""Disks and databases in the clear."""

from __future__ import annotations

from kibitz_reviewer.engines.cdk import CdkRule, Demand
from kibitz_reviewer.rule import Confidence, Severity


class CdkStorageEncryption(CdkRule):
    """Disk, file system or database of a CDK stack is stored unencrypted.

    Snapshots, backups and disks that are thrown away can then be read.

    Turn encryption at rest on when the resource is made: later that needs a copy.
    """

    severity = Severity.HIGH
    confidence = Confidence.MEDIUM
    cwe = (311,)
    aliases = ("python/aws-missing-encryption-cdk@v1.0",)
    triggers = ("aws_cdk", "monocdk")
    noncompliant = (
        """
        from aws_cdk import aws_ec2 as ec2, aws_efs as efs, aws_rds as rds

        def make(scope, vpc, engine):
            efs.FileSystem(scope, "Files", vpc=vpc, encrypted=False)  # finding
            rds.DatabaseInstance(scope, "Shop", vpc=vpc, engine=engine)  # finding
            ec2.Volume(scope, "Disk", availability_zone="eu-west-1a", encrypted=False)  # finding
        """,
    )
    compliant = (
        """
        from aws_cdk import aws_efs as efs, aws_rds as rds

        def make(scope, vpc, engine):
            efs.FileSystem(scope, "Files", vpc=vpc)
            rds.DatabaseInstance(scope, "Shop", vpc=vpc, engine=engine, storage_encrypted=True)
        """,
        """
        from aws_cdk import aws_rds as rds

        def make(scope, vpc, engine, key):
            rds.DatabaseCluster(scope, "Shop", vpc=vpc, engine=engine, storage_encryption_key=key)
        """,
    )

    demands = (
        Demand("aws_efs.FileSystem", "encrypted", bad=(False,), optional=True, say="Set `encrypted=True`."),
        Demand("aws_efs.CfnFileSystem", "encrypted", want=(True,), say="Set `encrypted=True`."),
        Demand(
            "aws_rds.DatabaseInstance",
            "storage_encrypted",
            want=(True,),
            unless=("storage_encryption_key",),
            say="Set `storage_encrypted=True`.",
        ),
        Demand(
            "aws_rds.DatabaseCluster",
            "storage_encrypted",
            want=(True,),
            unless=("storage_encryption_key",),
            say="Set `storage_encrypted=True`.",
        ),
        Demand(
            "aws_rds.CfnDBInstance", "storage_encrypted", want=(True,), say="Set `storage_encrypted=True`."
        ),
        Demand(
            "aws_rds.CfnDBCluster", "storage_encrypted", want=(True,), say="Set `storage_encrypted=True`."
        ),
        Demand(
            "aws_docdb.DatabaseCluster",
            "storage_encrypted",
            bad=(False,),
            optional=True,
            say="Set `storage_encrypted=True`.",
        ),
        Demand(
            "aws_docdb.CfnDBCluster", "storage_encrypted", want=(True,), say="Set `storage_encrypted=True`."
        ),
        Demand(
            "aws_neptune.CfnDBCluster", "storage_encrypted", want=(True,), say="Set `storage_encrypted=True`."
        ),
        Demand(
            "aws_neptune_alpha.DatabaseCluster",
            "storage_encrypted",
            bad=(False,),
            optional=True,
            say="Set `storage_encrypted=True`.",
        ),
        Demand(
            "aws_ec2.Volume",
            "encrypted",
            want=(True,),
            unless=("encryption_key",),
            say="Set `encrypted=True`.",
        ),
        Demand("aws_ec2.CfnVolume", "encrypted", want=(True,), say="Set `encrypted=True`."),
        Demand("aws_redshift.CfnCluster", "encrypted", want=(True,), say="Set `encrypted=True`."),
        Demand("aws_redshift.Cluster", "encrypted", bad=(False,), optional=True, say="Set `encrypted=True`."),
        Demand(
            "aws_redshift_alpha.Cluster",
            "encrypted",
            bad=(False,),
            optional=True,
            say="Set `encrypted=True`.",
        ),
        Demand(
            "aws_elasticache.CfnReplicationGroup",
            "at_rest_encryption_enabled",
            want=(True,),
            say="Set `at_rest_encryption_enabled=True`.",
        ),
        Demand("aws_dax.CfnCluster", "sse_specification", say="Set `sse_specification`."),
        Demand("aws_opensearchservice.Domain", "encryption_at_rest", say="Set `encryption_at_rest`."),
        Demand("aws_elasticsearch.Domain", "encryption_at_rest", say="Set `encryption_at_rest`."),
    )
