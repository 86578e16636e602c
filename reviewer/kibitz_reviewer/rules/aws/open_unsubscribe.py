"""Subscriptions anybody can end."""

from __future__ import annotations

from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import is_open, keyword, known
from kibitz_reviewer.engines.edits import with_keyword
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity


class OpenUnsubscribe(Rule):
    """Subscription is confirmed so that anybody can end it.

    The link to unsubscribe stands in each message: whoever gets one forwarded can cut the receiver off.

    Pass `AuthenticateOnUnsubscribe="true"`.
    """

    severity = Severity.HIGH
    cwe = (19, 306)
    aliases = ("python/sns-unauthenticated-unsubscribe@v1.0",)
    triggers = ("confirm_subscription",)
    fix = Applicability.SUGGESTED
    fix_title = "Let only the owner unsubscribe"
    noncompliant = (
        """
        import boto3

        def confirm(topic, token):
            boto3.client("sns").confirm_subscription(TopicArn=topic, Token=token)  # finding
        """,
        """
        import boto3

        def confirm(topic, token):
            sns = boto3.client("sns")
            return sns.confirm_subscription(TopicArn=topic, Token=token, AuthenticateOnUnsubscribe="false")  # finding
        """,
    )
    compliant = (
        """
        import boto3

        def confirm(topic, token):
            sns = boto3.client("sns")
            return sns.confirm_subscription(TopicArn=topic, Token=token, AuthenticateOnUnsubscribe="true")
        """,
        """
        def confirm(queue, token, **options):
            return queue.confirm_subscription(Token=token, **options)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.method_calls("confirm_subscription"):
            given = keyword(call, "AuthenticateOnUnsubscribe")
            value = known(module, given)
            if is_open(call) or (
                keyword(call, "Token") is None and "boto3" not in (module.qualified_name(call.func) or "")
            ):
                continue
            if given is None or str(value).lower() == "false":
                yield self.finding(
                    module,
                    call,
                    'Anybody who sees a message can end this subscription. Pass `AuthenticateOnUnsubscribe="true"`.',
                )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        return with_keyword(node, "AuthenticateOnUnsubscribe", '"true"')
