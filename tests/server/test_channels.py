"""Channels against a real HTTP server and a real SMTP server on this machine."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest

from kibitz_server import channels, feedback
from kibitz_server.app import create_app
from kibitz_server.channels import ChannelError, PermanentError, created, listed, message, shown
from kibitz_server.channels.delivery import MOST_ATTEMPTS, Announcer, announce, pause_s, senders
from kibitz_server.channels.mail import Mail
from kibitz_server.channels.reach import Web, is_public
from kibitz_server.channels.sns import Sns
from kibitz_server.channels.webhook import Slack, Webhook
from kibitz_server.commands import channel as command
from kibitz_server.config import STORE_FILE, Config
from kibitz_server.findings import GONE, anomaly
from kibitz_server.store.sql import open_sqlite

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "channels.schema.json").read_text())
NOW = 1_800_000_000.0
TOPIC = "arn:aws:sns:eu-west-1:123456789012:anomalies"


@dataclass
class Received:
    """What came: (path, headers, body); ``answers`` are the next statuses."""

    address: str = ""
    requests: list[tuple[str, Message, bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)


@pytest.fixture
def hooks() -> Iterator[Received]:
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.requests.append((self.path, self.headers, body))
            self.send_response(received.answers.pop(0) if received.answers else 204)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server:
        received.address = f"http://127.0.0.1:{server.server_address[1]}"
        yield received


class Letters(socketserver.ThreadingTCPServer):
    """A mail server that keeps what it takes; ``answer``: to the letter."""

    allow_reuse_address = True

    def __init__(self) -> None:
        self.letters: list[bytes] = []
        self.answer = b"250 kept"
        super().__init__(("127.0.0.1", 0), _Smtp)


class _Smtp(socketserver.StreamRequestHandler):
    server: Letters

    def handle(self) -> None:
        self.wfile.write(b"220 test\r\n")
        for line in self.rfile:
            word = line[:4].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = list(iter(self.rfile.readline, b".\r\n"))
                self.server.letters.append(b"".join(lines))
                self.wfile.write(self.server.answer + b"\r\n")
            elif word == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                self.wfile.write(b"250 ok\r\n")


@contextmanager
def serving(server: Any) -> Iterator[Any]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def letters() -> Iterator[Letters]:
    with serving(Letters()) as server:
        yield server


def found(frame: str = "m:f", start: float = NOW - 7200, **details: Any) -> Any:
    one = anomaly(
        group="shop", frame=frame, start=start, end=start + 3600, usual=0.1, seen=0.2, revision="r2"
    )
    return replace(one, details={**one.details, **details})


@pytest.fixture
def shop(store: Any) -> Any:
    store.create_group("shop", 0.0)
    store.save_findings("shop", [found()])
    return store


LOCAL = Web(frozenset({"127.0.0.1"}), timeout_s=20.0)


def by(**given: Any) -> dict[str, Any]:
    return {channels.WEBHOOK: Webhook(LOCAL), channels.SLACK: Slack(LOCAL), **given}


def add(store: Any, uri: str, kind: str = channels.WEBHOOK) -> channels.Channel:
    channel = created(kind, uri)
    channels.add(store, "shop", channel)
    return channel


def test_a_webhook_gets_the_documented_message_signed(shop: Any, hooks: Received) -> None:
    channel = add(shop, f"{hooks.address}/hook?token=1")
    assert announce(shop, "shop", by(), NOW) == 1
    path, headers, body = hooks.requests[0]
    assert path == "/hook?token=1"
    told = json.loads(body)
    jsonschema.validate(told, SCHEMA)
    assert told["event"] == "anomaly.found"
    assert told["anomaly"]["frame"] == "m:f"
    assert told["anomaly"]["revision"] == "r2"
    assert headers["X-Kibitz-Delivery"] == told["id"]
    parts = dict(part.split("=") for part in headers["X-Kibitz-Signature"].split(","))
    mac = hmac.new(channel.secret.encode(), parts["t"].encode() + b"." + body, hashlib.sha256)
    assert hmac.compare_digest(parts["v1"], mac.hexdigest())


@pytest.mark.parametrize(
    "told", [message.of_finding(found(**{GONE: True}), NOW), message.of_test("shop", "1", NOW)]
)
def test_every_message_is_as_the_schema_says(told: dict[str, Any]) -> None:
    jsonschema.validate(told, SCHEMA)


def test_an_anomaly_is_announced_once_and_once_more_when_it_went_away(shop: Any, hooks: Received) -> None:
    add(shop, hooks.address)
    for later in range(5):
        announce(shop, "shop", by(), NOW + 10_000 * later)
    shop.save_findings("shop", [replace(found(), end=NOW, details={**found().details, GONE: True})])
    for later in range(5):
        announce(shop, "shop", by(), NOW + 100_000 + later)
    assert [json.loads(body)["event"] for _, _, body in hooks.requests] == [
        "anomaly.found",
        "anomaly.went_away",
    ]


def test_what_went_away_before_it_was_announced_is_not(shop: Any, hooks: Received) -> None:
    shop.save_findings("shop", [found(**{GONE: True})])
    add(shop, hooks.address)
    assert announce(shop, "shop", by(), NOW) == 0
    assert hooks.requests == []


def test_what_was_not_taken_is_tried_again_with_longer_pauses(shop: Any, hooks: Received) -> None:
    add(shop, hooks.address)
    hooks.answers = [500, 429, 200]
    seconds = [0, 29, 30, 89, 90, 100_000]
    taken = [announce(shop, "shop", by(), NOW + second) for second in seconds]
    assert taken == [0, 0, 0, 0, 1, 0]
    assert [pause_s(attempts) for attempts in (1, 2)] == [30, 60]
    assert len(hooks.requests) == 3
    assert len({headers["X-Kibitz-Delivery"] for _, headers, _ in hooks.requests}) == 1


def test_what_is_never_taken_is_given_up(shop: Any, hooks: Received) -> None:
    add(shop, hooks.address)
    hooks.answers = [503] * 50
    for day in range(30):
        announce(shop, "shop", by(), NOW + 86_400 * day)
    assert len(hooks.requests) == MOST_ATTEMPTS


@pytest.mark.parametrize("status", [400, 404, 410, 302])
def test_an_answer_that_will_not_change_ends_it_and_no_redirect_is_followed(
    shop: Any, hooks: Received, status: int
) -> None:
    add(shop, hooks.address)
    hooks.answers = [status]
    for day in range(3):
        announce(shop, "shop", by(), NOW + 86_400 * day)
    assert [path for path, _, _ in hooks.requests] == ["/"]


def test_one_channel_that_fails_does_not_keep_another_from_its_message(shop: Any, hooks: Received) -> None:
    class Broken:
        def send(self, *_: Any) -> None:
            raise RuntimeError("no")

    channels.add(shop, "shop", created(channels.EMAIL, "a@example.com"))
    add(shop, hooks.address)
    assert announce(shop, "shop", by(email=Broken()), NOW) == 1


def test_useless_and_old_anomalies_are_not_announced(shop: Any, hooks: Received) -> None:
    feedback.judge(shop, found(), feedback.NEGATIVE, NOW)
    shop.save_findings("shop", [found("m:old", NOW - 90_000)])
    channels.add(shop, "shop", created(channels.WEBHOOK, hooks.address, now=NOW - 7200))
    assert announce(shop, "shop", by(), NOW) == 0
    assert hooks.requests == []


def test_slack_gets_the_sentence_escaped(shop: Any, hooks: Received) -> None:
    shop.save_findings("shop", [found("m:<lambda>&")])
    add(shop, hooks.address, channels.SLACK)
    announce(shop, "shop", by(), NOW)
    texts = [json.loads(body)["text"] for _, _, body in hooks.requests]
    assert any("m:&lt;lambda&gt;&amp; rose from 10.0% to 20.0%" in text for text in texts)


def test_mail_has_the_sentence_and_the_message(shop: Any, letters: Letters) -> None:
    shop.save_findings("shop", [found("m:f\r\nBcc: x@evil.example")])
    channels.add(shop, "shop", created(channels.EMAIL, "ops@example.com"))
    mail = Mail(f"smtp://127.0.0.1:{letters.server_address[1]}", "kibitz@example.com")
    assert announce(shop, "shop", by(email=mail), NOW) == 2
    for raw in letters.letters:
        letter = message_from_bytes(raw)
        assert (letter["To"], letter["From"], letter["Bcc"]) == (
            "ops@example.com",
            "kibitz@example.com",
            None,
        )
        assert letter["Subject"].startswith("[Kibitz] shop: m:f")
        text, attached = letter.get_payload()
        assert "rose from 10.0% to 20.0%" in text.get_payload(decode=True).decode()
        jsonschema.validate(json.loads(attached.get_payload(decode=True)), SCHEMA)


def test_mail_that_is_refused_for_now_is_an_error_to_try_again(letters: Letters) -> None:
    mail, channel = Mail(f"smtp://127.0.0.1:{letters.server_address[1]}"), created("email", "a@example.com")
    for answer, kind in ((b"451 later", ChannelError), (b"554 never", PermanentError)):
        letters.answer = answer
        with pytest.raises(ChannelError) as caught:
            mail.send(channel, message.of_test("shop", "1", NOW))
        assert type(caught.value) is kind


def test_a_mail_password_is_not_sent_without_tls(letters: Letters) -> None:
    mail = Mail(f"smtp://me@127.0.0.1:{letters.server_address[1]}", password="secret-of-mine")
    with pytest.raises(PermanentError, match="no TLS"):
        mail.send(created("email", "a@example.com"), message.of_test("shop", "1", NOW))


def test_without_a_mail_server_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KIBITZ_SMTP_URL", raising=False)
    with pytest.raises(PermanentError, match="KIBITZ_SMTP_URL"):
        Mail.from_environment().send(created("email", "a@example.com"), message.of_test("shop", "1", NOW))


def test_a_topic_gets_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    published: list[dict[str, Any]] = []

    class Client:
        def publish(self, **given: Any) -> None:
            published.append(given)

    boto3 = ModuleType("boto3")
    boto3.client = lambda name, region_name: Client()  # type: ignore[attr-defined]
    monkeypatch.setitem(__import__("sys").modules, "boto3", boto3)
    Sns().send(created("sns", TOPIC), message.of_test("shop", "1", NOW))
    assert published[0]["TopicArn"] == TOPIC
    jsonschema.validate(json.loads(published[0]["Message"]), SCHEMA)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.1.1", "::1", "fe80::1%eth0", "fd00::1", "0.0.0.0",
     "224.0.0.1", "::ffff:127.0.0.1", "100.64.0.1"],
)  # fmt: skip
def test_addresses_that_are_not_public_are_told_apart(address: str) -> None:
    assert not is_public(address)
    assert is_public("93.184.216.34")
    assert is_public("2606:2800:220:1::1")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0x7f.1", "2130706433"])
def test_the_collectors_own_machine_is_not_reached(hooks: Received, host: str) -> None:
    uri = hooks.address.replace("127.0.0.1", host)
    with pytest.raises(ChannelError):
        Webhook(Web(frozenset())).send(created("webhook", uri), message.of_test("shop", "1", NOW))
    assert hooks.requests == []


@pytest.mark.parametrize(
    ("kind", "uri"),
    [("webhook", "ftp://x/"), ("webhook", "https://user:pw@host/"), ("webhook", "https://"), ("email", "a b@c"),
     ("email", "a@b\nBcc: c@d"), ("sns", "arn:aws:s3:::x"), ("pager", "https://x/"), ("slack", "file:///etc/passwd"),
     ("webhook", "https://x/" + "a" * 3000)],
)  # fmt: skip
def test_a_channel_that_cannot_be_is_refused(kind: str, uri: str) -> None:
    with pytest.raises(ChannelError):
        created(kind, uri)


def test_errors_and_logs_hold_no_secret(shop: Any, hooks: Received, caplog: pytest.LogCaptureFixture) -> None:
    add(shop, f"{hooks.address}/services/T0/SECRETPATH", channels.SLACK)
    hooked = add(shop, f"{hooks.address}/hook?key=SECRETQUERY")
    hooks.answers = [500, 404]
    with caplog.at_level(logging.DEBUG):
        announce(shop, "shop", by(), NOW)
    for secret in ("SECRETPATH", "SECRETQUERY", hooked.secret):
        assert secret not in caplog.text
        assert all(secret not in shown(channel) for channel in listed(shop.document("shop", "channels")))


def test_the_announcer_survives_what_fails(shop: Any, hooks: Received) -> None:
    add(shop, hooks.address)
    came = threading.Event()
    calls: list[int] = []

    def first_fails() -> dict[str, Any]:
        calls.append(1)
        if len(calls) == 1:
            raise OSError("disk full")
        came.set()
        return by()

    announcer = Announcer(shop, first_fails, clock=lambda: NOW, interval_s=0.01)
    announcer.start()
    assert came.wait(60)
    announcer.stop()
    Announcer(shop, by).stop()


def test_the_command_adds_lists_tries_and_removes(
    tmp_path: Path, hooks: Received, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_sqlite(str(tmp_path / STORE_FILE))
    store.create_group("shop", 0.0)
    store.close()

    def kibitz(*words: str) -> tuple[int, str, str]:
        import argparse

        parser = argparse.ArgumentParser()
        command.add_arguments(parser)
        code = command.run(parser.parse_args([*words, "--group", "shop", "--data", str(tmp_path)]))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    code, out, _ = kibitz("add", f"{hooks.address}/hook?key=1")
    identity, secret = out.split()[0], out.split()[2]
    assert code == 0
    code, out, _ = kibitz("list")
    assert out == f"{identity}\twebhook\t{hooks.address}/hook?…\n"
    assert secret not in out
    code, out, err = kibitz("test", identity)
    assert (code, out) == (1, "")
    assert "KIBITZ_CHANNEL_HOSTS" in err
    monkeypatch.setenv("KIBITZ_CHANNEL_HOSTS", "other.example, 127.0.0.1")
    assert kibitz("test", identity)[0] == 0
    assert json.loads(hooks.requests[0][2])["event"] == "test"
    assert kibitz("add", hooks.address, "--kind", "sns")[0] == 2
    assert kibitz("add", f"{hooks.address}/hook?key=1")[0] == 2
    assert kibitz("test", "nobody")[0] == 1
    assert kibitz("remove", identity)[0] == 0
    assert kibitz("list") == (0, "", "")
    assert kibitz("remove")[0] == 2


def test_the_page_adds_tries_and_removes_and_shows_a_secret_once(
    shop: Any, hooks: Received, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIBITZ_CHANNEL_HOSTS", "127.0.0.1")
    client = create_app(shop, Config(data=tmp_path)).test_client()
    assert "/groups/shop/channels" in client.get("/groups/shop/settings").text
    made = client.post("/groups/shop/channels", data={"kind": "webhook", "address": hooks.address})
    (channel,) = listed(shop.document("shop", channels.DOCUMENT))
    assert channel.secret in made.text
    assert channel.secret not in client.get("/groups/shop/channels").text
    assert "took the test message" in client.post(f"/groups/shop/channels/{channel.id}/test").text
    hooks.answers = [500]
    assert client.post(f"/groups/shop/channels/{channel.id}/test").status_code == 502
    assert client.post("/groups/shop/channels", data={"kind": "email", "address": "x"}).status_code == 400
    evil = {"Origin": "https://evil.example"}
    assert client.post(f"/groups/shop/channels/{channel.id}/remove", headers=evil).status_code == 403
    assert client.post(f"/groups/shop/channels/{channel.id}/remove").status_code == 303
    assert client.post(f"/groups/shop/channels/{channel.id}/remove").status_code == 404
    assert client.post(f"/groups/shop/channels/{channel.id}/test").status_code == 404


def test_there_is_a_sender_for_every_kind() -> None:
    assert set(senders()) == set(channels.KINDS)
