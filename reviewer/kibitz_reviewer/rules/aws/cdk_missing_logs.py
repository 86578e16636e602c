"""Resources that keep no record."""

from __future__ import annotations

from kibitz_reviewer.engines.cdk import CdkRule, Demand
from kibitz_reviewer.rule import Confidence, Severity


class CdkMissingLogs(CdkRule):
    """Resource of a CDK stack keeps no record of who used it.

    After an incident nobody can say what was read or changed, by whom, and since when.

    Turn its logging on, and keep the logs somewhere else.
    """

    severity = Severity.HIGH
    confidence = Confidence.MEDIUM
    cwe = (778,)
    aliases = ("python/insufficient-logging-cdk@v1.0",)
    triggers = ("aws_cdk", "monocdk")
    noncompliant = (
        """
        from aws_cdk import aws_s3 as s3, aws_stepfunctions as sfn

        def make(scope, definition):
            s3.Bucket(scope, "Raw", encryption=s3.BucketEncryption.KMS_MANAGED)  # finding
            sfn.StateMachine(scope, "Flow", definition=definition)  # finding
        """,
    )
    compliant = (
        """
        from aws_cdk import aws_s3 as s3, aws_stepfunctions as sfn

        def make(scope, definition, logs, group):
            s3.Bucket(scope, "Raw", server_access_logs_bucket=logs)
            sfn.StateMachine(scope, "Flow", definition=definition, logs=sfn.LogOptions(destination=group))
        """,
        """
        from aws_cdk import aws_s3 as s3

        def make(scope):
            return s3.Bucket(scope, "Raw", server_access_logs_prefix="raw/")
        """,
    )

    demands = (
        Demand(
            "aws_s3.Bucket",
            "server_access_logs_bucket",
            unless=("server_access_logs_prefix",),
            say="Set `server_access_logs_bucket=`.",
        ),
        Demand(
            "aws_cloudfront.Distribution",
            "enable_logging",
            want=(True,),
            unless=("log_bucket",),
            say="Set `enable_logging=True`.",
        ),
        Demand("aws_cloudfront.CloudFrontWebDistribution", "logging_config", say="Set `logging_config=`."),
        Demand(
            "aws_elasticloadbalancing.CfnLoadBalancer",
            "access_logging_policy",
            say="Set `access_logging_policy=`.",
        ),
        Demand("aws_rds.DatabaseInstance", "cloudwatch_logs_exports", say="Set `cloudwatch_logs_exports=`."),
        Demand("aws_rds.DatabaseCluster", "cloudwatch_logs_exports", say="Set `cloudwatch_logs_exports=`."),
        Demand(
            "aws_docdb.DatabaseCluster",
            "export_audit_logs_to_cloud_watch",
            want=(True,),
            say="Set `export_audit_logs_to_cloud_watch=True`.",
        ),
        Demand("aws_opensearchservice.Domain", "logging", say="Set `logging=`."),
        Demand("aws_elasticsearch.Domain", "logging", say="Set `logging=`."),
        Demand("aws_redshift.CfnCluster", "logging_properties", say="Set `logging_properties=`."),
        Demand("aws_eks.Cluster", "cluster_logging", say="Set `cluster_logging=`."),
        Demand("aws_eks.CfnCluster", "logging", say="Set `logging=`."),
        Demand("aws_stepfunctions.StateMachine", "logs", say="Set `logs=`."),
        Demand("aws_msk.CfnCluster", "logging_info", say="Set `logging_info=`."),
        Demand("aws_msk_alpha.Cluster", "logging", say="Set `logging=`."),
        Demand("aws_mq.CfnBroker", "logs", say="Set `logs=`."),
        Demand("aws_emr.CfnCluster", "log_uri", say="Set `log_uri=`."),
        Demand(
            "aws_mediastore.CfnContainer",
            "access_logging_enabled",
            want=(True,),
            say="Set `access_logging_enabled=True`.",
        ),
    )
