"""Configuration fetched whole each time."""

from __future__ import annotations

from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import is_open, keyword
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Finding, Rule, Severity


class ConfigurationWithoutVersion(Rule):
    """Configuration is fetched from AppConfig without saying which version is already there.

    Each call then sends, and bills, the whole configuration again.

    Pass `ClientConfigurationVersion`, or use the data API's sessions (`start_configuration_session`).
    """

    severity = Severity.LOW
    aliases = ("python/aws-app-config@v1.0",)
    triggers = ("get_configuration",)
    noncompliant = (
        """
        import boto3

        def settings():
            client = boto3.client("appconfig")
            return client.get_configuration(Application="shop", Environment="live", Configuration="main", ClientId="1")  # finding
        """,
    )
    compliant = (
        """
        import boto3

        def settings(version):
            client = boto3.client("appconfig")
            return client.get_configuration(
                Application="shop", Environment="live", Configuration="main", ClientId="1", ClientConfigurationVersion=version
            )
        """,
        """
        def settings(store):
            return store.get_configuration(name="shop")
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.method_calls("get_configuration"):
            is_ours = keyword(call, "Application") is not None and keyword(call, "Environment") is not None
            if is_ours and not is_open(call) and keyword(call, "ClientConfigurationVersion") is None:
                yield self.finding(
                    module,
                    call,
                    "The whole configuration is sent each time. Pass `ClientConfigurationVersion`.",
                )
