"""Buckets in the clear."""

from __future__ import annotations

from kibitz_reviewer.engines.cdk import CdkRule, Demand
from kibitz_reviewer.rule import Confidence, Severity


class CdkBucketEncryption(CdkRule):
    """Bucket of a CDK stack is not encrypted with a key of one's own choice.

    What it holds is protected by the access rules alone; one wrong policy and it can be read.

    Set `encryption=` to `BucketEncryption.KMS`, `KMS_MANAGED` or `S3_MANAGED`.
    """

    severity = Severity.HIGH
    confidence = Confidence.MEDIUM
    cwe = (311,)
    aliases = ("python/s3-partial-encrypt-cdk@v1.0",)
    triggers = ("Bucket", "CfnBucket")
    noncompliant = (
        """
        from aws_cdk import Stack, aws_s3 as s3

        class Data(Stack):
            def __init__(self, scope, id):
                super().__init__(scope, id)
                s3.Bucket(self, "Raw", block_public_access=s3.BlockPublicAccess.BLOCK_ALL)  # finding
                s3.Bucket(self, "Open", encryption=s3.BucketEncryption.UNENCRYPTED)  # finding
        """,
    )
    compliant = (
        """
        from aws_cdk import Stack, aws_s3 as s3

        class Data(Stack):
            def __init__(self, scope, id):
                super().__init__(scope, id)
                s3.Bucket(self, "Raw", encryption=s3.BucketEncryption.KMS_MANAGED)
        """,
        """
        from aws_cdk import aws_s3 as s3

        def make(scope, options, key):
            s3.Bucket(scope, "Keyed", encryption_key=key)
            return s3.Bucket(scope, "Raw", **options)
        """,
    )

    demands = (
        Demand(
            "aws_s3.Bucket",
            "encryption",
            bad=("UNENCRYPTED",),
            unless=("encryption_key",),
            say="Set `encryption=` to one of the managed or KMS kinds.",
        ),
        Demand("aws_s3.CfnBucket", "bucket_encryption", say="Set `bucket_encryption`."),
    )
