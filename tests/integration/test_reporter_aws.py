"""The agent as a client of AWS's service: through boto3, to our own collector's edge."""

from __future__ import annotations

import json
import logging

import pytest

from kibitz_agent.fleet import Identity
from kibitz_agent.reporters import aws
from kibitz_agent.reporters.choose import reporter_to

boto3 = pytest.importorskip("boto3")

IDENTITY = Identity(group="shop", instance="i-1", process_id=1)


@pytest.fixture(autouse=True)
def credentials(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def test_profile_arrives_through_the_service_and_its_settings_come_back(collector, make_profile, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_CODEGURUPROFILER", collector.url)
    ours = reporter_to("aws://us-east-1", IDENTITY, {})
    answer = ours.configure()
    assert answer is not None
    assert answer["shouldProfile"] is True
    assert set(answer["agentParameters"]) >= {"SamplingIntervalInMilliseconds", "MaxStackDepth"}
    token = "6f0c5e0e-9d4e-4d5a-8f3a-0d5a3b0c9a11"
    profile = make_profile({"m:main;m:Cart.work": 30, "m:main": 12}, token=token)
    ours.report(profile)
    ours.report(profile)  # a retry, as it were
    ours.close(10)
    client = boto3.client("codeguruprofiler", region_name="us-east-1")
    tree = json.load(client.get_profile(profilingGroupName="shop", period="PT1H")["profile"])
    client.close()
    main = tree["callgraph"]["children"]["m:main"]
    assert main["counts"] == {"RUNNABLE": 12}
    assert {name: child["counts"] for name, child in main["children"].items()} == {
        "m:Cart:work": {"RUNNABLE": 30}
    }


def test_service_that_is_not_there_is_one_line_without_secrets_and_the_profile_waits(
    make_profile, monkeypatch, caplog
):
    caplog.set_level(logging.DEBUG, "kibitz")
    monkeypatch.setenv("AWS_ENDPOINT_URL_CODEGURUPROFILER", "http://127.0.0.1:9")
    ours = reporter_to("aws://us-east-1", IDENTITY, {})
    ours._sleep = lambda _: None
    assert ours.configure() is None
    ours.report(make_profile({"m:a": 1}, token="t"))
    assert len(ours._spool) == 1
    assert len(caplog.messages) == 1
    assert "secret" not in caplog.text


def test_without_boto3_the_agent_says_what_to_install_and_goes_on(make_profile, monkeypatch, caplog):
    def absent(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr(aws.importlib, "import_module", absent)
    ours = reporter_to("aws://us-east-1", IDENTITY, {})
    ours._sleep = lambda _: None
    ours.report(make_profile({"m:a": 1}, token="t"))
    assert len(ours._spool) == 1
    assert ["pip install boto3" in line for line in caplog.messages] == [True]
