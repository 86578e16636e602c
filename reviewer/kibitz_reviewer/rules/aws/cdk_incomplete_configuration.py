"""Resources left at their defaults."""

from __future__ import annotations

from kibitz_reviewer.engines.cdk import CdkRule, Demand
from kibitz_reviewer.rule import Confidence, Severity


class CdkIncompleteConfiguration(CdkRule):
    """Resource of a CDK stack leaves out what keeps it safe or up to date.

    Defaults were chosen so that things start, not so that they are safe: old versions, no validation, one zone, no isolation.

    Say what is meant, even where a default exists.
    """

    severity = Severity.HIGH
    confidence = Confidence.MEDIUM
    cwe = (16, 657, 665)
    aliases = (
        "python/incomplete-configuration-cdk@v1.0",
        "python/violation-of-secure-design-principles-cdk@v1.0",
        "python/improper-initialization-cdk@v1.0",
        "python/missing-initialization-of-a-variable-cdk@v1.0",
        "python/omission-of-security-relevant-information-cdk@v1.0",
        "python/truncation-of-security-relevant-information-cdk@v1.0",
        "python/improperly-implemented-security-check-cdk@v1.0",
    )
    triggers = ("aws_cdk", "monocdk")
    noncompliant = (
        """
        from aws_cdk import aws_codebuild as codebuild, aws_rds as rds

        def make(scope, vpc, engine):
            rds.DatabaseInstance(scope, "Shop", vpc=vpc, engine=engine, multi_az=False)  # finding
            return codebuild.BuildEnvironment(privileged=True)  # finding
        """,
        """
        from aws_cdk import aws_cloudtrail as cloudtrail

        def make(scope):
            return cloudtrail.Trail(scope, "Trail", enable_file_validation=False)  # finding
        """,
    )
    compliant = (
        """
        from aws_cdk import aws_codebuild as codebuild, aws_rds as rds

        def make(scope, vpc, engine):
            rds.DatabaseInstance(scope, "Shop", vpc=vpc, engine=engine, multi_az=True)
            return codebuild.BuildEnvironment(privileged=False)
        """,
        """
        from aws_cdk import aws_cloudtrail as cloudtrail

        def make(scope):
            return cloudtrail.Trail(scope, "Trail")
        """,
    )

    demands = (
        Demand(
            "aws_cloudtrail.Trail",
            "enable_file_validation",
            bad=(False,),
            optional=True,
            say="Set `enable_file_validation=True`.",
        ),
        Demand(
            "aws_cloudtrail.CfnTrail",
            "enable_log_file_validation",
            want=(True,),
            say="Set `enable_log_file_validation=True`.",
        ),
        Demand(
            "aws_cloudfront.Distribution",
            "minimum_protocol_version",
            bad=("SSL_V3", "TLS_V1", "TLS_V1_2016", "TLS_V1_1_2016"),
            optional=True,
            say="Ask for TLS 1.2.",
        ),
        Demand(
            "aws_rds.DatabaseInstance", "multi_az", bad=(False,), optional=True, say="Set `multi_az=True`."
        ),
        Demand("aws_rds.CfnDBInstance", "multi_az", bad=(False,), optional=True, say="Set `multi_az=True`."),
        Demand(
            "aws_rds.DatabaseInstance",
            "auto_minor_version_upgrade",
            bad=(False,),
            optional=True,
            say="Let minor versions be upgraded.",
        ),
        Demand(
            "aws_rds.CfnDBInstance",
            "auto_minor_version_upgrade",
            bad=(False,),
            optional=True,
            say="Let minor versions be upgraded.",
        ),
        Demand(
            "aws_neptune.CfnDBInstance",
            "auto_minor_version_upgrade",
            want=(True,),
            say="Let minor versions be upgraded.",
        ),
        Demand(
            "aws_redshift.CfnCluster",
            "allow_version_upgrade",
            bad=(False,),
            optional=True,
            say="Let versions be upgraded.",
        ),
        Demand(
            "aws_redshift.CfnCluster",
            "cluster_subnet_group_name",
            say="Place it in a VPC: set `cluster_subnet_group_name=`.",
        ),
        Demand(
            "aws_elasticache.CfnReplicationGroup",
            "automatic_failover_enabled",
            bad=(False,),
            optional=True,
            say="Set `automatic_failover_enabled=True`.",
        ),
        Demand(
            "aws_elasticache.CfnReplicationGroup",
            "multi_az_enabled",
            bad=(False,),
            optional=True,
            say="Set `multi_az_enabled=True`.",
        ),
        Demand(
            "aws_codebuild.BuildEnvironment",
            "privileged",
            bad=(True,),
            optional=True,
            say="Leave `privileged` off.",
        ),
        Demand(
            "aws_ecs.Cluster",
            "container_insights",
            bad=(False,),
            optional=True,
            say="Set `container_insights=True`.",
        ),
        Demand("aws_sagemaker.CfnNotebookInstance", "subnet_id", say="Place it in a VPC: set `subnet_id=`."),
        Demand("aws_s3.Bucket", "versioned", bad=(False,), optional=True, say="Set `versioned=True`."),
        Demand(
            "aws_ec2.Instance",
            "detailed_monitoring",
            bad=(False,),
            optional=True,
            say="Set `detailed_monitoring=True`.",
        ),
        Demand(
            "aws_lambda.Function",
            "runtime",
            bad=("PYTHON_2_7", "PYTHON_3_6", "PYTHON_3_7", "NODEJS_10_X", "NODEJS_12_X", "NODEJS_14_X"),
            optional=True,
            say="Use a runtime that is still supported.",
        ),
    )
