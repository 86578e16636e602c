"""E-mail through a real mail server: plain, with STARTTLS, with a login."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.message import Message
from typing import Any

import jsonschema
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword

from kibitz_server import channels
from kibitz_server.channels import ChannelError, PermanentError, created, message
from kibitz_server.channels.delivery import announce
from kibitz_server.channels.mail import Mail

NOW = 1_800_000_000.0
PASSWORD = "a-secret-of-mine"


class Letters:
    """A mail server that keeps what it takes; ``answer``: to the letter; ``secured``: which came by TLS."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.secured: list[bool] = []
        self.users: list[bytes] = []
        self.answer = "250 kept"
        self.url = ""

    async def handle_DATA(self, _server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802
        self.envelopes.append(envelope)
        self.secured.append(session.ssl is not None)
        return self.answer

    def knows(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, told: Any) -> AuthResult:
        assert isinstance(told, LoginPassword)
        self.users.append(told.login)
        return AuthResult(success=told.password == PASSWORD.encode(), handled=False)

    def letters(self) -> list[Message]:
        return [message_from_bytes(bytes(envelope.content or b"")) for envelope in self.envelopes]


class OnAnyPort(Controller):
    """aiosmtpd's own looks for itself at port 0."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture
def serve() -> Iterator[Callable[..., Letters]]:
    """``serve(**options)``: a mail server of aiosmtpd's with these options."""
    begun = []

    def start(*, login: bool = False, **options: Any) -> Letters:
        letters = Letters()
        if login:
            options |= {"authenticator": letters.knows}
        controller = OnAnyPort(letters, hostname="127.0.0.1", port=0, **options)
        controller.start()
        begun.append(controller)
        letters.url = f"localhost:{controller.port}"
        return letters

    yield start
    for controller in begun:
        controller.stop()


def told() -> dict[str, Any]:
    return message.of_test("shop", "1", NOW)


def test_mail_has_the_sentence_and_the_message(
    shop: Any, serve: Any, by: Any, found: Any, schema: Any
) -> None:
    letters = serve()
    shop.save_findings("shop", [found("m:f\r\nBcc: x@evil.example")])
    channels.add(shop, "shop", created(channels.EMAIL, "ops@example.com"))
    mail = Mail(f"smtp://{letters.url}", "kibitz@example.com")
    assert announce(shop, "shop", by(email=mail), NOW) == 2
    assert [envelope.rcpt_tos for envelope in letters.envelopes] == [["ops@example.com"]] * 2
    for letter in letters.letters():
        assert (letter["To"], letter["From"], letter["Bcc"]) == (
            "ops@example.com",
            "kibitz@example.com",
            None,
        )
        assert letter["Subject"].startswith("[Kibitz] shop: m:f")
        text, attached = letter.get_payload()
        assert "rose from 10.0% to 20.0%" in text.get_payload(decode=True).decode()
        jsonschema.validate(json.loads(attached.get_payload(decode=True)), schema)


def test_a_growing_heap_is_mailed_with_its_json(serve: Any, grown: Any, schema: Any) -> None:
    letters = serve()
    Mail(f"smtp://{letters.url}").send(
        created("email", "a@example.com"), message.of_finding(grown("m.Session"), NOW)
    )
    (letter,) = letters.letters()
    text, attached = letter.get_payload()
    assert "m.Session grows steadily in web-1" in text.get_payload(decode=True).decode()
    assert attached.get_filename() == "heap.json"
    jsonschema.validate(json.loads(attached.get_payload(decode=True)), schema)


def test_mail_goes_by_tls_where_the_server_offers_it_and_logs_in_there(
    serve: Any, authority: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = serve(login=True, tls_context=authority.server_context(), require_starttls=True)
    monkeypatch.setenv("KIBITZ_CA_FILE", authority.file)
    Mail(f"smtp://a%40shop@{letters.url}", password=PASSWORD).send(created("email", "a@example.com"), told())
    assert letters.secured == [True]
    assert letters.users == [b"a@shop"]


def test_mail_goes_by_tls_from_the_start_where_the_address_says_so(
    serve: Any, authority: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = serve(ssl_context=authority.server_context())
    monkeypatch.setenv("KIBITZ_CA_FILE", authority.file)
    Mail(f"smtps://{letters.url}").send(created("email", "a@example.com"), told())
    assert len(letters.letters()) == 1


def test_a_mail_server_that_nobody_vouches_for_gets_neither_password_nor_letter(
    serve: Any, authority: Any
) -> None:
    letters = serve(login=True, tls_context=authority.server_context())
    with pytest.raises(ChannelError, match="SSLCertVerificationError") as caught:
        Mail(f"smtp://me@{letters.url}", password=PASSWORD).send(created("email", "a@example.com"), told())
    assert type(caught.value) is ChannelError
    assert letters.users == []
    assert letters.envelopes == []


def test_a_wrong_password_ends_it_and_is_in_no_message_or_log(
    serve: Any, authority: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    letters = serve(login=True, tls_context=authority.server_context())
    monkeypatch.setenv("KIBITZ_CA_FILE", authority.file)
    wrong = "not-the-password"
    with caplog.at_level(logging.INFO), pytest.raises(PermanentError, match="535") as caught:
        Mail(f"smtp://me@{letters.url}", password=wrong).send(created("email", "a@example.com"), told())
    assert letters.users
    assert wrong not in str(caught.value)
    ours = [record for record in caplog.records if record.name.startswith("kibitz")]
    assert all(wrong not in record.getMessage() for record in ours)
    assert wrong not in repr(Mail("smtp://me@h", password=wrong))


def test_a_mail_password_is_not_sent_without_tls(serve: Any) -> None:
    letters = serve(login=True, auth_require_tls=False)
    with pytest.raises(PermanentError, match="no TLS"):
        Mail(f"smtp://me@{letters.url}", password=PASSWORD).send(created("email", "a@example.com"), told())
    assert letters.users == []


def test_mail_that_is_refused_for_now_is_an_error_to_try_again(serve: Any) -> None:
    letters = serve()
    mail, channel = Mail(f"smtp://{letters.url}"), created("email", "a@example.com")
    for answer, kind in (("451 later", ChannelError), ("554 never", PermanentError)):
        letters.answer = answer
        with pytest.raises(ChannelError) as caught:
            mail.send(channel, told())
        assert type(caught.value) is kind


def test_without_a_mail_server_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KIBITZ_SMTP_URL", raising=False)
    with pytest.raises(PermanentError, match="KIBITZ_SMTP_URL"):
        Mail.from_environment().send(created("email", "a@example.com"), told())


def test_the_mail_server_is_as_the_environment_says(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    monkeypatch.setenv("KIBITZ_SMTP_URL", "smtp://me@mail.example.com")
    monkeypatch.setenv("KIBITZ_SMTP_PASSWORD_FILE", str(tmp_path / "password"))
    monkeypatch.setenv("KIBITZ_MAIL_FROM", "kibitz@example.com")
    assert Mail.from_environment() == Mail("smtp://me@mail.example.com", "kibitz@example.com", PASSWORD)
    monkeypatch.setenv("KIBITZ_SMTP_PASSWORD_FILE", str(tmp_path / "nothing"))
    assert Mail.from_environment().password == ""
