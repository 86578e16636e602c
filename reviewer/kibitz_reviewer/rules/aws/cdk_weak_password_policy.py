"""Passwords of four letters."""

from __future__ import annotations

from kibitz_reviewer.engines.cdk import CdkRule, Demand
from kibitz_reviewer.rule import Confidence, Severity


class CdkWeakPasswordPolicy(CdkRule):
    """Password policy of a CDK stack asks for too little.

    Short passwords of one kind of letter are guessed in minutes.

    Ask for twelve characters of several kinds.
    """

    severity = Severity.HIGH
    confidence = Confidence.MEDIUM
    cwe = (521,)
    aliases = (
        "python/aws-strong-password-policy-cdk@v1.0",
        "python/insufficiently-protected-credentials-cdk@v1.0",
    )
    triggers = ("aws_cdk", "monocdk")
    noncompliant = (
        """
        from aws_cdk import aws_cognito as cognito

        def make(scope):
            policy = cognito.PasswordPolicy(min_length=6, require_digits=False)  # finding
            cognito.UserPool(scope, "Guests")  # finding
            return cognito.UserPool(scope, "People", password_policy=policy)
        """,
    )
    compliant = (
        """
        from aws_cdk import aws_cognito as cognito

        def make(scope):
            policy = cognito.PasswordPolicy(min_length=12, require_digits=True, require_symbols=True)
            return cognito.UserPool(scope, "People", password_policy=policy)
        """,
        """
        from aws_cdk import aws_cognito as cognito

        def make(scope, options):
            return cognito.UserPool(scope, "People", **options)
        """,
    )

    demands = (
        Demand("aws_cognito.PasswordPolicy", "min_length", below=8, say="Ask for at least 8 characters."),
        Demand(
            "aws_cognito.PasswordPolicy",
            "require_lowercase",
            bad=(False,),
            optional=True,
            say="Ask for lower case letters.",
        ),
        Demand(
            "aws_cognito.PasswordPolicy",
            "require_uppercase",
            bad=(False,),
            optional=True,
            say="Ask for upper case letters.",
        ),
        Demand(
            "aws_cognito.PasswordPolicy", "require_digits", bad=(False,), optional=True, say="Ask for digits."
        ),
        Demand(
            "aws_cognito.PasswordPolicy",
            "require_symbols",
            bad=(False,),
            optional=True,
            say="Ask for symbols.",
        ),
        Demand(
            "aws_cognito.CfnUserPool.PasswordPolicyProperty",
            "minimum_length",
            below=8,
            say="Ask for at least 8 characters.",
        ),
        Demand("aws_cognito.UserPool", "password_policy", say="Set `password_policy=`."),
    )
