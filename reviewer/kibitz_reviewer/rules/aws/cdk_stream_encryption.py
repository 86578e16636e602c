"""Streams and queries in the clear."""

from __future__ import annotations

from kibitz_reviewer.engines.cdk import CdkRule, Demand
from kibitz_reviewer.rule import Confidence, Severity


class CdkStreamEncryption(CdkRule):
    """Stream, search domain or query result of a CDK stack passes unencrypted.

    Such resources see everything the application does: what passes through them is as sensitive as the database behind.

    Turn on encryption for the stream, between the nodes, and for results.
    """

    severity = Severity.HIGH
    confidence = Confidence.MEDIUM
    cwe = (311,)
    aliases = ("python/missing-encryption-of-sensitive-data-cdk@v1.0",)
    triggers = ("aws_cdk", "monocdk")
    noncompliant = (
        """
        from aws_cdk import aws_kinesis as kinesis, aws_opensearchservice as search

        def make(scope):
            kinesis.Stream(scope, "Events", encryption=kinesis.StreamEncryption.UNENCRYPTED)  # finding
            search.Domain(scope, "Search", version=search.EngineVersion.OPENSEARCH_2_5)  # finding
        """,
    )
    compliant = (
        """
        from aws_cdk import aws_kinesis as kinesis, aws_opensearchservice as search

        def make(scope):
            kinesis.Stream(scope, "Events", encryption=kinesis.StreamEncryption.MANAGED)
            search.Domain(scope, "Search", version=search.EngineVersion.OPENSEARCH_2_5, node_to_node_encryption=True)
        """,
        """
        from aws_cdk import aws_kinesis as kinesis

        def make(scope, stream_options):
            return kinesis.Stream(scope, "Events", **stream_options)
        """,
    )

    demands = (
        Demand(
            "aws_kinesis.Stream",
            "encryption",
            bad=("UNENCRYPTED",),
            optional=True,
            say="Set `encryption=StreamEncryption.KMS`.",
        ),
        Demand("aws_kinesis.CfnStream", "stream_encryption", say="Set `stream_encryption`."),
        Demand(
            "aws_opensearchservice.Domain",
            "node_to_node_encryption",
            want=(True,),
            say="Set `node_to_node_encryption=True`.",
        ),
        Demand(
            "aws_elasticsearch.Domain",
            "node_to_node_encryption",
            want=(True,),
            say="Set `node_to_node_encryption=True`.",
        ),
        Demand(
            "aws_opensearchservice.CfnDomain",
            "node_to_node_encryption_options",
            say="Set `node_to_node_encryption_options`.",
        ),
        Demand(
            "aws_athena.CfnWorkGroup",
            "work_group_configuration",
            say="Set `work_group_configuration` with an encryption of results.",
        ),
        Demand(
            "aws_kinesisfirehose.CfnDeliveryStream",
            "delivery_stream_encryption_configuration_input",
            say="Set `delivery_stream_encryption_configuration_input`.",
        ),
        Demand("aws_kinesisfirehose_alpha.DeliveryStream", "encryption", say="Set `encryption=`."),
        Demand("aws_emr.CfnCluster", "security_configuration", say="Set `security_configuration`."),
        Demand("aws_sagemaker.CfnEndpointConfig", "kms_key_id", say="Set `kms_key_id=`."),
        Demand(
            "aws_glue.CfnCrawler",
            "crawler_security_configuration",
            say="Set `crawler_security_configuration`.",
        ),
        Demand(
            "aws_dynamodb.Table",
            "encryption",
            bad=("DEFAULT",),
            optional=True,
            say="Set `encryption=TableEncryption.AWS_MANAGED` or your own key.",
        ),
        Demand("aws_cloudtrail.Trail", "encryption_key", unless=("kms_key",), say="Set `encryption_key=`."),
    )
