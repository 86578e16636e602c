"""SNS by boto3 itself, against an endpoint on this machine that holds each request to the service's own model."""

from __future__ import annotations

import json
import sys
from typing import Any
from urllib.parse import parse_qs

import jsonschema
import pytest

from kibitz_server.channels import ChannelError, PermanentError, created, message
from kibitz_server.channels.sns import Sns

NOW = 1_800_000_000.0
TOPIC = "arn:aws:sns:eu-west-1:123456789012:anomalies"
TAKEN = b"""<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult>
<MessageId>94f20ce6-13c5-43a0-9a9e-ca52d816e90b</MessageId></PublishResult>
<ResponseMetadata><RequestId>f187a3c1-376f-11df-8963-01868b7c937a</RequestId></ResponseMetadata></PublishResponse>"""


def refusal(code: str) -> bytes:
    return (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error>"
        "<RequestId>1</RequestId></ErrorResponse>"
    ).encode()


@pytest.fixture
def topic(hooks: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Any:
    """An endpoint of SNS, which boto3 finds by the environment."""
    pytest.importorskip("boto3")
    settings = {
        "AWS_ENDPOINT_URL_SNS": hooks.address,
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "SECRETOFAWS",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    hooks.answers, hooks.body = [200], TAKEN
    return hooks


def published(topic: Any) -> dict[str, str]:
    """What the last request asks for; its parameters are those that the service's model knows."""
    import botocore.session

    path, headers, body = topic.requests[-1]
    asked = {name: values[0] for name, values in parse_qs(body.decode(), strict_parsing=True).items()}
    model = botocore.session.get_session().get_service_model("sns")
    operation = model.operation_model(asked.pop("Action"))
    assert operation.name == "Publish"
    assert asked.pop("Version") == model.api_version
    assert path == operation.http["requestUri"]
    assert set(operation.input_shape.required_members) <= set(asked) <= set(operation.input_shape.members)
    assert "Credential=AKIDEXAMPLE/" in headers["Authorization"]
    assert "/eu-west-1/sns/aws4_request" in headers["Authorization"]
    return asked


def test_a_topic_gets_the_message(topic: Any, schema: Any, found: Any) -> None:
    Sns().send(created("sns", TOPIC), message.of_finding(found(), NOW))
    asked = published(topic)
    assert asked["TopicArn"] == TOPIC
    assert asked["Subject"].startswith("shop: m:f rose from 10.0% to 20.0%")
    told = json.loads(asked["Message"])
    jsonschema.validate(told, schema)
    assert told["event"] == "anomaly.found"


def test_a_topic_of_the_kind_that_keeps_order_gets_a_group_and_an_id(topic: Any, grown: Any) -> None:
    told = message.of_finding(grown("m.Session"), NOW)
    Sns().send(created("sns", f"{TOPIC}.fifo"), told)
    asked = published(topic)
    assert (asked["MessageGroupId"], asked["MessageDeduplicationId"]) == ("shop", told["id"])


def test_a_subject_is_what_sns_takes(topic: Any, found: Any) -> None:
    Sns().send(created("sns", TOPIC), message.of_finding(found("m:é\x1b[31m\n" + "f" * 200), NOW))
    subject = published(topic)["Subject"]
    assert subject.isascii()
    assert subject.isprintable()
    assert len(subject) < 100


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [(404, "NotFound", PermanentError), (400, "InvalidParameter", PermanentError),
     (400, "Throttling", ChannelError), (403, "AuthorizationError", ChannelError), (500, "InternalError", ChannelError)],
)  # fmt: skip
def test_a_refusal_is_told_by_its_code_and_tried_again_unless_the_topic_is_wrong(
    topic: Any, status: int, code: str, kind: type
) -> None:
    topic.answers, topic.body = [status], refusal(code)
    with pytest.raises(ChannelError, match=code) as caught:
        Sns().send(created("sns", TOPIC), message.of_test("shop", "1", NOW))
    assert type(caught.value) is kind
    assert "SECRETOFAWS" not in str(caught.value)
    assert len(topic.requests) == 1  # the announcer tries again, later; boto3 does not by itself


def test_without_credentials_it_is_tried_again(topic: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(ChannelError, match="NoCredentials"):
        Sns().send(created("sns", TOPIC), message.of_test("shop", "1", NOW))
    assert topic.requests == []


def test_without_boto3_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(PermanentError, match="pip install boto3"):
        Sns().send(created("sns", TOPIC), message.of_test("shop", "1", NOW))
