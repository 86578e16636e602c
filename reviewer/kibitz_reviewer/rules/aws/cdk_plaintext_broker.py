"""Brokers that talk in the clear."""

from __future__ import annotations

from kibitz_reviewer.engines.cdk import CdkRule, Demand
from kibitz_reviewer.rule import Confidence, Severity


class CdkPlaintextBroker(CdkRule):
    """Broker of a CDK stack talks to its clients, or to itself, without encryption.

    Messages can be read and changed on the way.

    Ask for TLS only.
    """

    severity = Severity.HIGH
    confidence = Confidence.MEDIUM
    cwe = (319,)
    aliases = ("python/client-broker-communication-cdk@v1.0",)
    triggers = ("aws_cdk", "monocdk")
    noncompliant = (
        """
        from aws_cdk import aws_msk_alpha as msk

        def make():
            return msk.EncryptionInTransitConfig(client_broker=msk.ClientBrokerEncryption.TLS_PLAINTEXT)  # finding
        """,
    )
    compliant = (
        """
        from aws_cdk import aws_msk_alpha as msk

        def make():
            return msk.EncryptionInTransitConfig(client_broker=msk.ClientBrokerEncryption.TLS)
        """,
        """
        from aws_cdk import aws_msk as msk

        def make(scope, info, nodes):
            return msk.CfnCluster(scope, "Bus", broker_node_group_info=nodes, cluster_name="bus", encryption_info=info)
        """,
    )

    demands = (
        Demand(
            "aws_msk_alpha.EncryptionInTransitConfig",
            "client_broker",
            bad=("PLAINTEXT", "TLS_PLAINTEXT"),
            optional=True,
            say="Use `ClientBrokerEncryption.TLS`.",
        ),
        Demand(
            "aws_msk.CfnCluster.EncryptionInTransitProperty",
            "client_broker",
            bad=("PLAINTEXT", "TLS_PLAINTEXT"),
            optional=True,
            say="Use `TLS`.",
        ),
        Demand(
            "aws_msk.CfnCluster.EncryptionInTransitProperty",
            "in_cluster",
            bad=(False,),
            optional=True,
            say="Set `in_cluster=True`.",
        ),
        Demand("aws_msk.CfnCluster", "encryption_info", say="Set `encryption_info=`."),
        Demand(
            "aws_msk_alpha.EncryptionInTransitConfig",
            "enable_in_cluster",
            bad=(False,),
            optional=True,
            say="Set `enable_in_cluster=True`.",
        ),
    )
