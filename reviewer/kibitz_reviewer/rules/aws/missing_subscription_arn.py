"""Subscriptions without a name."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import ABSENT, is_open, is_true, keyword, known
from kibitz_reviewer.engines.edits import with_keyword
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity


class MissingSubscriptionArn(Rule):
    """Subscription is made without asking for its ARN.

    Until it is confirmed the answer then only says "pending confirmation": the program cannot look at it, change it or end it.

    Pass `ReturnSubscriptionArn=True`.
    """

    severity = Severity.INFO
    cwe = (1228,)
    aliases = ("python/sns-set-return-subscription-arn@v1.0",)
    triggers = ("subscribe",)
    fix = Applicability.SUGGESTED
    fix_title = "Ask for the ARN"
    noncompliant = (
        """
        import boto3

        def join(topic, address):
            sns = boto3.client("sns")
            return sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=address)  # finding
        """,
    )
    compliant = (
        """
        import boto3

        def join(topic, address):
            sns = boto3.client("sns")
            return sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=address, ReturnSubscriptionArn=True)
        """,
        """
        def join(bus, topic, listener):
            bus.subscribe(topic, listener)
            return bus.subscribe(topic=topic)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.method_calls("subscribe"):
            name = module.qualified_name(call.func) or ""
            is_sns = keyword(call, "Protocol") is not None and (
                keyword(call, "TopicArn") is not None or "boto3.resource()" in name
            )
            if (
                is_sns
                and not is_open(call)
                and not is_true(module, keyword(call, "ReturnSubscriptionArn"))
                and not _is_unknown(module, call)
            ):
                yield self.finding(
                    module,
                    call,
                    "Without its ARN the subscription cannot be found again. Pass `ReturnSubscriptionArn=True`.",
                )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        return with_keyword(node, "ReturnSubscriptionArn", "True")


def _is_unknown(module: Module, call: ast.Call) -> bool:
    given = keyword(call, "ReturnSubscriptionArn")
    return given is not None and known(module, given) is ABSENT
