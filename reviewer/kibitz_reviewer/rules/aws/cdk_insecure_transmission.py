"""Unencrypted ways into a stack."""

from __future__ import annotations

from kibitz_reviewer.engines.cdk import CdkRule, Demand
from kibitz_reviewer.rule import Confidence, Severity


class CdkInsecureTransmission(CdkRule):
    """Resource of a CDK stack can be reached without encryption.

    What is sent to it, credentials included, can be read and changed on the way.

    Ask for TLS: `enforce_ssl=True`, `HTTPS` listeners, `REDIRECT_TO_HTTPS`, encryption in transit.
    """

    severity = Severity.HIGH
    confidence = Confidence.MEDIUM
    cwe = (319,)
    aliases = ("python/aws-insecure-transmission-cdk@v1.0",)
    triggers = ("aws_cdk", "monocdk")
    noncompliant = (
        """
        from aws_cdk import aws_s3 as s3

        def make(scope):
            return s3.Bucket(scope, "Raw", encryption=s3.BucketEncryption.S3_MANAGED)  # finding
        """,
        """
        from aws_cdk import aws_elasticloadbalancingv2 as elb

        def make(scope, balancer):
            elb.ApplicationListener(scope, "In", load_balancer=balancer, protocol=elb.ApplicationProtocol.HTTP)  # finding
        """,
    )
    compliant = (
        """
        from aws_cdk import aws_s3 as s3

        def make(scope):
            return s3.Bucket(scope, "Raw", encryption=s3.BucketEncryption.S3_MANAGED, enforce_ssl=True)
        """,
        """
        from aws_cdk import aws_elasticloadbalancingv2 as elb

        def make(scope, balancer, cert):
            elb.ApplicationListener(scope, "In", load_balancer=balancer, protocol=elb.ApplicationProtocol.HTTPS, certificates=[cert])
        """,
    )

    demands = (
        Demand("aws_s3.Bucket", "enforce_ssl", want=(True,), say="Set `enforce_ssl=True`."),
        Demand("aws_sqs.Queue", "enforce_ssl", bad=(False,), optional=True, say="Set `enforce_ssl=True`."),
        Demand("aws_sns.Topic", "enforce_ssl", bad=(False,), optional=True, say="Set `enforce_ssl=True`."),
        Demand(
            "aws_cloudfront.BehaviorOptions",
            "viewer_protocol_policy",
            bad=("ALLOW_ALL",),
            optional=True,
            say="Redirect viewers to HTTPS.",
        ),
        Demand(
            "aws_cloudfront.CloudFrontWebDistribution",
            "viewer_protocol_policy",
            bad=("ALLOW_ALL",),
            optional=True,
            say="Redirect viewers to HTTPS.",
        ),
        Demand(
            "aws_elasticloadbalancingv2.ApplicationListener",
            "protocol",
            bad=("HTTP",),
            optional=True,
            say="Listen for HTTPS.",
        ),
        Demand(
            "aws_elasticloadbalancingv2.CfnListener",
            "protocol",
            bad=("HTTP",),
            optional=True,
            say="Listen for HTTPS.",
        ),
        Demand(
            "aws_elasticloadbalancing.LoadBalancerListener",
            "external_protocol",
            bad=("HTTP", "TCP"),
            optional=True,
            say="Listen for HTTPS or SSL.",
        ),
        Demand(
            "aws_elasticloadbalancing.CfnLoadBalancer.ListenersProperty",
            "protocol",
            bad=("http", "tcp", "HTTP", "TCP"),
            optional=True,
            say="Listen for HTTPS or SSL.",
        ),
        Demand(
            "aws_elasticache.CfnReplicationGroup",
            "transit_encryption_enabled",
            want=(True,),
            say="Set `transit_encryption_enabled=True`.",
        ),
        Demand(
            "aws_dax.CfnCluster",
            "cluster_endpoint_encryption_type",
            bad=("NONE",),
            say='Set `cluster_endpoint_encryption_type="TLS"`.',
        ),
    )
