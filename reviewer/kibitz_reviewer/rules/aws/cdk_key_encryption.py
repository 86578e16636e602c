"""Messages without a key of their own."""

from __future__ import annotations

from kibitz_reviewer.engines.cdk import CdkRule, Demand
from kibitz_reviewer.rule import Confidence, Severity


class CdkKeyEncryption(CdkRule):
    """Topic, queue or project of a CDK stack is not encrypted with a KMS key.

    Without a key of one's own nobody can say who may read what is stored, nor take that right back.

    Give it a key: `master_key=`, `encryption_master_key=`, `encryption_key=`.
    """

    severity = Severity.HIGH
    confidence = Confidence.MEDIUM
    cwe = (311,)
    aliases = ("python/aws-kmskey-encryption-cdk@v1.0",)
    triggers = ("aws_cdk", "monocdk")
    noncompliant = (
        """
        from aws_cdk import aws_sns as sns, aws_sqs as sqs

        def make(scope):
            sns.Topic(scope, "News")  # finding
            sqs.Queue(scope, "Work")  # finding
        """,
    )
    compliant = (
        """
        from aws_cdk import aws_sns as sns, aws_sqs as sqs

        def make(scope, key):
            sns.Topic(scope, "News", master_key=key)
            sqs.Queue(scope, "Work", encryption=sqs.QueueEncryption.KMS, encryption_master_key=key)
        """,
        """
        from queues import Queue, Topic

        def make(scope):
            return Queue(scope, "Work"), Topic(scope, "News")
        """,
    )

    demands = (
        Demand("aws_sns.Topic", "master_key", say="Set `master_key=`."),
        Demand("aws_sns.CfnTopic", "kms_master_key_id", say="Set `kms_master_key_id=`."),
        Demand(
            "aws_sqs.Queue",
            "encryption",
            bad=("UNENCRYPTED",),
            unless=("encryption_master_key",),
            say="Set `encryption=QueueEncryption.KMS`.",
        ),
        Demand(
            "aws_sqs.CfnQueue",
            "kms_master_key_id",
            unless=("sqs_managed_sse_enabled",),
            say="Set `kms_master_key_id=`.",
        ),
        Demand("aws_codebuild.Project", "encryption_key", say="Set `encryption_key=`."),
        Demand("aws_codebuild.PipelineProject", "encryption_key", say="Set `encryption_key=`."),
        Demand("aws_kms.Key", "enable_key_rotation", want=(True,), say="Set `enable_key_rotation=True`."),
        Demand("aws_kms.CfnKey", "enable_key_rotation", want=(True,), say="Set `enable_key_rotation=True`."),
        Demand("aws_sagemaker.CfnNotebookInstance", "kms_key_id", say="Set `kms_key_id=`."),
    )
