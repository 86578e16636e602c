"""Names everybody knows."""

from __future__ import annotations

from kibitz_reviewer.engines.cdk import DEFAULTS, CdkRule, Demand
from kibitz_reviewer.rule import Confidence, Severity


class CdkDefaultCredentials(CdkRule):
    """Database of a CDK stack is entered by the name or port every guide names.

    Half of the credentials is then known to whoever tries; the other half is a matter of time.

    Choose a name of your own, a generated password and a port of your own.
    """

    severity = Severity.HIGH
    confidence = Confidence.MEDIUM
    cwe = (1392, 798)
    aliases = ("python/use-of-default-credentials-cdk@v1.0",)
    triggers = ("aws_cdk", "monocdk")
    noncompliant = (
        """
        from aws_cdk import aws_rds as rds, aws_redshift as redshift

        def make(scope, password):
            redshift.CfnCluster(scope, "Facts", cluster_type="single-node", db_name="facts", master_username="awsuser", master_user_password=password, node_type="dc2.large")  # finding
            return rds.Credentials.from_generated_secret("admin")  # finding
        """,
    )
    compliant = (
        """
        from aws_cdk import aws_rds as rds

        def make(scope):
            return rds.Credentials.from_generated_secret("shop_writer")
        """,
        """
        from aws_cdk import aws_rds as rds

        def make(scope, vpc, engine):
            return rds.DatabaseInstance(scope, "Shop", vpc=vpc, engine=engine, port=5544)
        """,
    )

    demands = (
        Demand(
            "aws_redshift.CfnCluster",
            "master_username",
            bad=DEFAULTS,
            optional=True,
            say="Choose a name of your own.",
        ),
        Demand(
            "aws_rds.CfnDBInstance",
            "master_username",
            bad=DEFAULTS,
            optional=True,
            say="Choose a name of your own.",
        ),
        Demand(
            "aws_rds.CfnDBCluster",
            "master_username",
            bad=DEFAULTS,
            optional=True,
            say="Choose a name of your own.",
        ),
        Demand(
            "aws_redshift_alpha.Login",
            "master_username",
            bad=DEFAULTS,
            optional=True,
            say="Choose a name of your own.",
        ),
        Demand("aws_docdb.Login", "username", bad=DEFAULTS, optional=True, say="Choose a name of your own."),
        Demand(
            "aws_rds.Credentials.from_generated_secret",
            "username",
            bad=DEFAULTS,
            optional=True,
            position=0,
            say="Choose a name of your own.",
        ),
        Demand(
            "aws_rds.Credentials.from_username",
            "username",
            bad=DEFAULTS,
            optional=True,
            position=0,
            say="Choose a name of your own.",
        ),
        Demand(
            "aws_rds.Credentials.from_password",
            "username",
            bad=DEFAULTS,
            optional=True,
            position=0,
            say="Choose a name of your own.",
        ),
        Demand(
            "aws_rds.DatabaseInstance", "port", bad=(3306, 5432, 1433, 1521), say="Choose a port of your own."
        ),
        Demand(
            "aws_rds.DatabaseCluster", "port", bad=(3306, 5432, 1433, 1521), say="Choose a port of your own."
        ),
        Demand(
            "aws_redshift.CfnCluster", "port", bad=(5439,), optional=True, say="Choose a port of your own."
        ),
    )
