"""Which channels there can be, the command and the page that add them."""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kibitz_server import channels
from kibitz_server.app import create_app
from kibitz_server.channels import ChannelError, created, listed, message
from kibitz_server.commands import channel as command
from kibitz_server.config import STORE_FILE, Config
from kibitz_server.store.sql import open_sqlite


@pytest.mark.parametrize(
    ("kind", "uri"),
    [("webhook", "ftp://x/"), ("webhook", "https://user:pw@host/"), ("webhook", "https://"), ("email", "a b@c"),
     ("email", "a@b\nBcc: c@d"), ("sns", "arn:aws:s3:::x"), ("pager", "https://x/"), ("slack", "file:///etc/passwd"),
     ("webhook", "https://x/" + "a" * 3000)],
)  # fmt: skip
def test_a_channel_that_cannot_be_is_refused(kind: str, uri: str) -> None:
    with pytest.raises(ChannelError):
        created(kind, uri)


def commanded(capsys: pytest.CaptureFixture[str], data: Path, *words: str) -> tuple[int, str, str]:
    """Run ``kibitz channel``: its exit code, output and errors."""
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    code = command.run(parser.parse_args([*words, "--group", "shop", "--data", str(data)]))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_command_gives_a_webhook_another_secret(
    tmp_path: Path, hooks: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIBITZ_CHANNEL_HOSTS", "127.0.0.1")
    store = open_sqlite(str(tmp_path / STORE_FILE))
    store.create_group("shop", 0.0)
    webhook, topic = created("webhook", hooks.address), created("sns", "arn:aws:sns:eu-west-1:123456789012:a")
    for channel in (webhook, topic):
        channels.add(store, "shop", channel)
    store.close()
    kibitz = partial(commanded, capsys, tmp_path)
    code, out, _ = kibitz("sign", webhook.id)
    secret = out.removeprefix("secret ").strip()
    assert (code, len(secret) > 30, secret != webhook.secret) == (0, True, True)
    assert kibitz("test", webhook.id)[0] == 0
    _, headers, body = hooks.requests[-1]
    signed = headers[message.SIGNATURE_HEADER]
    time_said = int(signed.split(",")[0].removeprefix("t="))
    assert signed == message.signature(secret, time_said, body)
    (tmp_path / "own").write_text("a secret of one's own\n")
    assert kibitz("sign", webhook.id, "--secret-file", str(tmp_path / "own"))[:2] == (0, "")
    (tmp_path / "short").write_text("short")
    assert kibitz("sign", webhook.id, "--secret-file", str(tmp_path / "short"))[0] == 2
    assert kibitz("sign", topic.id)[0] == 2
    assert kibitz("sign", "nobody")[0] == 1


def test_the_command_adds_lists_tries_and_removes(
    tmp_path: Path, hooks: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_sqlite(str(tmp_path / STORE_FILE))
    store.create_group("shop", 0.0)
    store.close()

    kibitz = partial(commanded, capsys, tmp_path)
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
    shop: Any, hooks: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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


def test_a_channel_is_shown_without_its_secret() -> None:
    channel = created("webhook", "https://hooks.example.com/x")
    assert len(channel.secret) > 30
    assert channel.secret not in repr(channel)
