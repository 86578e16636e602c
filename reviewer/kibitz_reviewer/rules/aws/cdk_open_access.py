"""Rules that let everybody do everything."""

from __future__ import annotations

from kibitz_reviewer.engines.cdk import CdkRule, Demand
from kibitz_reviewer.rule import Confidence, Severity


class CdkOpenAccess(CdkRule):
    """Rule of a CDK stack lets in everybody, or lets somebody do everything.

    One stolen key, one scanned port, and the whole account is open.

    Name the actions, the resources and the networks that are meant; block public access of buckets.
    """

    severity = Severity.HIGH
    confidence = Confidence.MEDIUM
    cwe = (284, 732)
    aliases = ("python/improper-access-control-cdk@v1.0",)
    triggers = ("aws_cdk", "monocdk")
    noncompliant = (
        """
        from aws_cdk import aws_ec2 as ec2, aws_iam as iam, aws_s3 as s3

        def make(scope, group):
            group.add_ingress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(22))  # finding
            s3.Bucket(scope, "Raw")  # finding
            return iam.PolicyStatement(actions=["*"], resources=["*"])  # finding
        """,
    )
    compliant = (
        """
        from aws_cdk import aws_ec2 as ec2, aws_iam as iam, aws_s3 as s3

        def make(scope, group, bucket):
            group.add_ingress_rule(ec2.Peer.ipv4("10.0.0.0/16"), ec2.Port.tcp(22))
            s3.Bucket(scope, "Raw", block_public_access=s3.BlockPublicAccess.BLOCK_ALL)
            return iam.PolicyStatement(actions=["s3:GetObject"], resources=[bucket.arn_for_objects("*")])
        """,
        """
        from aws_cdk import aws_iam as iam

        def make():
            return iam.PolicyStatement(effect=iam.Effect.DENY, actions=["*"], resources=["*"], principals=[iam.AnyPrincipal()])
        """,
    )

    demands = (
        Demand(
            "aws_s3.Bucket",
            "block_public_access",
            unless=("public_read_access",),
            say="Set `block_public_access=BlockPublicAccess.BLOCK_ALL`.",
        ),
        Demand(
            "aws_s3.CfnBucket",
            "public_access_block_configuration",
            say="Set `public_access_block_configuration`.",
        ),
        Demand(
            "aws_iam.PolicyStatement",
            "actions",
            everything=True,
            optional=True,
            unless_value=("effect", "DENY"),
            say="Name the actions that are meant.",
        ),
        Demand(
            "aws_iam.PolicyStatement",
            "principals",
            bad=("AnyPrincipal()", "StarPrincipal()"),
            optional=True,
            unless_value=("effect", "DENY"),
            say="Name the principals that are meant.",
        ),
        Demand(
            ".add_ingress_rule",
            "peer",
            bad=("any_ipv4()", "any_ipv6()"),
            optional=True,
            position=0,
            imported="aws_cdk",
            say="Name the networks that are meant.",
        ),
        Demand(
            ".allow_from",
            "other",
            bad=("any_ipv4()", "any_ipv6()"),
            optional=True,
            position=0,
            imported="aws_cdk",
            say="Name the networks that are meant.",
        ),
        Demand(
            ".allow_from_any_ipv4",
            "",
            always=True,
            imported="aws_cdk",
            say="Name the networks that are meant.",
        ),
        Demand(
            "aws_ec2.CfnSecurityGroupIngress",
            "cidr_ip",
            bad=("0.0.0.0/0",),
            optional=True,
            say="Name the networks that are meant.",
        ),
        Demand(
            "aws_ec2.CfnSecurityGroup.IngressProperty",
            "cidr_ip",
            bad=("0.0.0.0/0",),
            optional=True,
            say="Name the networks that are meant.",
        ),
        Demand(
            "aws_eks.Cluster",
            "endpoint_access",
            bad=("PUBLIC",),
            optional=True,
            say="Use a private endpoint.",
        ),
        Demand(
            "aws_iam.ManagedPolicy.from_aws_managed_policy_name",
            "",
            bad=("AdministratorAccess",),
            optional=True,
            position=0,
            say="Grant what is needed only.",
        ),
    )
