"""Webhooks and what Slack takes, against a real web server."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import jsonschema
import pytest

from kibitz_server import channels
from kibitz_server.channels import ChannelError, created, message
from kibitz_server.channels.delivery import announce

NOW = 1_800_000_000.0


def test_a_webhook_gets_the_documented_message_signed(
    shop: Any, hooks: Any, by: Any, add: Any, schema: Any
) -> None:
    channel = add(f"{hooks.address}/hook?token=1")
    assert announce(shop, "shop", by(), NOW) == 1
    path, headers, body = hooks.requests[0]
    assert path == "/hook?token=1"
    told = json.loads(body)
    jsonschema.validate(told, schema)
    assert told["event"] == "anomaly.found"
    assert told["anomaly"]["frame"] == "m:f"
    assert told["anomaly"]["revision"] == "r2"
    assert headers["X-Kibitz-Delivery"] == told["id"]
    parts = dict(part.split("=") for part in headers["X-Kibitz-Signature"].split(","))
    mac = hmac.new(channel.secret.encode(), parts["t"].encode() + b"." + body, hashlib.sha256)
    assert hmac.compare_digest(parts["v1"], mac.hexdigest())


def test_slack_gets_the_sentence_escaped(shop: Any, hooks: Any, by: Any, add: Any, found: Any) -> None:
    shop.save_findings("shop", [found("m:<lambda>&")])
    add(hooks.address, channels.SLACK)
    announce(shop, "shop", by(), NOW)
    texts = [json.loads(body)["text"] for _, _, body in hooks.requests]
    assert any("m:&lt;lambda&gt;&amp; rose from 10.0% to 20.0%" in text for text in texts)


def test_a_growing_heap_is_told_in_slacks_form_too(
    shop: Any, hooks: Any, by: Any, add: Any, grown: Any
) -> None:
    shop.save_findings("shop", [grown("m.Session")])
    add(hooks.address, channels.SLACK)
    assert announce(shop, "shop", by(), NOW) == 2
    assert all(set(told) == {"text"} for told in hooks.told())
    assert any("m.Session grows steadily in web-1" in told["text"] for told in hooks.told())


def test_an_authority_of_ones_own_is_trusted_and_a_stranger_is_not(
    hooks_over_tls: Any, authority: Any, by: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender, channel = by()["webhook"], created("webhook", f"{hooks_over_tls.address}/hook")
    monkeypatch.delenv("KIBITZ_CA_FILE", raising=False)
    with pytest.raises(ChannelError, match="SSLCertVerificationError"):
        sender.send(channel, message.of_test("shop", "1", NOW))
    assert hooks_over_tls.requests == []
    monkeypatch.setenv("KIBITZ_CA_FILE", authority.file)
    sender.send(channel, message.of_test("shop", "1", NOW))
    assert hooks_over_tls.told()[0]["event"] == "test"
    elsewhere = created("webhook", channel.uri.replace("localhost", "127.0.0.1"))
    with pytest.raises(
        ChannelError, match="SSLCertVerificationError"
    ):  # the certificate is not for that name
        sender.send(elsewhere, message.of_test("shop", "1", NOW))
    monkeypatch.setenv("KIBITZ_CA_FILE", authority.file + ".nothing")
    with pytest.raises(ChannelError, match="FileNotFoundError"):
        sender.send(channel, message.of_test("shop", "1", NOW))
