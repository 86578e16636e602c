"""Messages nobody is there to get."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import keyword, method
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Finding, Rule, Severity


class PublishBeforeSubscription(Rule):
    """Message is published right after its topic or subscription was made.

    A subscription takes a while, and often a confirmation, before it gets anything: what is published until then is lost.

    Wait until it is confirmed (`get_subscription_attributes`), or subscribe when the stack is made.
    """

    severity = Severity.LOW
    aliases = ("python/sns-no-bind-subscribe-publish-rule@v1.0",)
    triggers = ("subscribe", "create_topic")
    noncompliant = (
        """
        import boto3

        def tell(address, text):
            sns = boto3.client("sns")
            topic = sns.create_topic(Name="news")["TopicArn"]
            sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=address)
            sns.publish(TopicArn=topic, Message=text)  # finding
        """,
        """
        import boto3

        sns = boto3.client("sns")

        def announce(text):
            topic = sns.create_topic(Name="news")
            sns.publish(TopicArn=topic["TopicArn"], Message=text)  # finding
        """,
    )
    compliant = (
        """
        import boto3

        def tell(topic, text):
            boto3.client("sns").publish(TopicArn=topic, Message=text)
        """,
        """
        import boto3

        def join(topic, address):
            sns = boto3.client("sns")
            answer = sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=address, ReturnSubscriptionArn=True)
            while sns.get_subscription_attributes(SubscriptionArn=answer["SubscriptionArn"])["Attributes"]["PendingConfirmation"] == "true":
                pause()
            sns.publish(TopicArn=topic, Message="welcome")
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.method_calls("publish"):
            around = module.enclosing_function(call) or module.tree
            calls = [c for c in module.within(around, ast.Call) if c.lineno < call.lineno]
            made = [c for c in calls if method(c) == "subscribe" and _is_topic(module, c)]
            waits = [
                c
                for c in module.within(around, ast.Call)
                if method(c)
                in (
                    "get_subscription_attributes",
                    "list_subscriptions_by_topic",
                    "confirm_subscription",
                    "get_waiter",
                )
            ]
            new = _makes_topic(module, keyword(call, "TopicArn", "TargetArn"))
            if (made or new) and not waits and _is_topic(module, call):
                yield self.finding(
                    module,
                    call,
                    "The subscription is not there yet, and will not get this. Wait until it is confirmed.",
                )


def _makes_topic(module: Module, node: ast.expr | None) -> bool:
    """Whether a topic comes from ``create_topic`` of the same function."""
    value = module.value_of(node) if node is not None else None
    while isinstance(value, ast.Subscript):
        value = module.value_of(value.value)
    if not (isinstance(value, ast.Call) and method(value) == "create_topic"):
        return False
    return module.enclosing_function(value) is module.enclosing_function(node or value)


def _is_topic(module: Module, call: ast.Call) -> bool:
    name = module.qualified_name(call.func) or ""
    return keyword(call, "TopicArn", "TargetArn") is not None or "boto3.resource()" in name
