"""Resources the world can see."""

from __future__ import annotations

from kibitz_reviewer.engines.cdk import CdkRule, Demand
from kibitz_reviewer.rule import Confidence, Severity


class CdkPublicResource(CdkRule):
    """Resource of a CDK stack can be reached by everybody.

    Data that is meant for one application is then one guessed password, or none, away from the internet.

    Keep it private, and let through what must be by name.
    """

    severity = Severity.HIGH
    confidence = Confidence.MEDIUM
    cwe = (668, 200)
    aliases = ("python/exposure-of-sensitive-information-cdk@v1.0",)
    triggers = ("aws_cdk", "monocdk")
    noncompliant = (
        """
        from aws_cdk import aws_rds as rds, aws_s3 as s3

        def make(scope, vpc, engine):
            s3.Bucket(scope, "Pages", public_read_access=True)  # finding
            rds.DatabaseInstance(scope, "Shop", vpc=vpc, engine=engine, publicly_accessible=True)  # finding
        """,
    )
    compliant = (
        """
        from aws_cdk import aws_rds as rds, aws_s3 as s3

        def make(scope, vpc, engine):
            s3.Bucket(scope, "Pages", block_public_access=s3.BlockPublicAccess.BLOCK_ALL)
            rds.DatabaseInstance(scope, "Shop", vpc=vpc, engine=engine, publicly_accessible=False)
        """,
        """
        from aws_cdk import aws_s3 as s3

        def make(scope, is_public):
            return s3.Bucket(scope, "Pages", public_read_access=is_public)
        """,
    )

    demands = (
        Demand(
            "aws_s3.Bucket",
            "public_read_access",
            bad=(True,),
            optional=True,
            say="Leave `public_read_access` off.",
        ),
        Demand(
            "aws_s3.Bucket",
            "access_control",
            bad=("PUBLIC_READ", "PUBLIC_READ_WRITE"),
            optional=True,
            say="Use a private `access_control`.",
        ),
        Demand(
            "aws_rds.DatabaseInstance",
            "publicly_accessible",
            bad=(True,),
            optional=True,
            say="Set `publicly_accessible=False`.",
        ),
        Demand(
            "aws_rds.CfnDBInstance",
            "publicly_accessible",
            bad=(True,),
            optional=True,
            say="Set `publicly_accessible=False`.",
        ),
        Demand(
            "aws_redshift.CfnCluster",
            "publicly_accessible",
            bad=(True,),
            optional=True,
            say="Set `publicly_accessible=False`.",
        ),
        Demand(
            "aws_redshift_alpha.Cluster",
            "publicly_accessible",
            bad=(True,),
            optional=True,
            say="Set `publicly_accessible=False`.",
        ),
        Demand(
            "aws_dms.CfnReplicationInstance",
            "publicly_accessible",
            want=(False,),
            say="Set `publicly_accessible=False`.",
        ),
        Demand(
            "aws_sagemaker.CfnNotebookInstance",
            "direct_internet_access",
            bad=("Enabled",),
            say='Set `direct_internet_access="Disabled"`.',
        ),
        Demand(
            "aws_ec2.CfnSubnet",
            "map_public_ip_on_launch",
            bad=(True,),
            optional=True,
            say="Set `map_public_ip_on_launch=False`.",
        ),
        Demand(
            "aws_ec2.PublicSubnet",
            "map_public_ip_on_launch",
            bad=(True,),
            optional=True,
            say="Set `map_public_ip_on_launch=False`.",
        ),
        Demand(
            "aws_ec2.Subnet",
            "map_public_ip_on_launch",
            bad=(True,),
            optional=True,
            say="Set `map_public_ip_on_launch=False`.",
        ),
        Demand(
            "aws_ec2.Instance",
            "associate_public_ip_address",
            bad=(True,),
            optional=True,
            say="Leave the instance without a public address.",
        ),
        Demand(
            "aws_autoscaling.AutoScalingGroup",
            "associate_public_ip_address",
            bad=(True,),
            optional=True,
            say="Leave instances without public addresses.",
        ),
        Demand(
            "aws_mq.CfnBroker",
            "publicly_accessible",
            bad=(True,),
            optional=True,
            say="Set `publicly_accessible=False`.",
        ),
    )
