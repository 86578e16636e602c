"""E-mail by SMTP. The server is the operator's, from the environment: nobody who adds a channel can choose it.

KIBITZ_SMTP_URL: smtp://host:25 (STARTTLS where offered), smtps://host:465; a user may stand before the host, the password
in the file that KIBITZ_SMTP_PASSWORD_FILE names. KIBITZ_MAIL_FROM: the sender's address.
"""

from __future__ import annotations

import logging
import os
import smtplib
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from kibitz_server.channels import Channel, ChannelError, PermanentError
from kibitz_server.channels.message import DELIVERY_HEADER, encoded
from kibitz_server.channels.reach import trusted

log = logging.getLogger("kibitz.server")

SERVER_ENV, PASSWORD_ENV, FROM_ENV = "KIBITZ_SMTP_URL", "KIBITZ_SMTP_PASSWORD_FILE", "KIBITZ_MAIL_FROM"
TIMEOUT_S = 20.0
_LONGEST_SUBJECT = 150


@dataclass(frozen=True, slots=True)
class Mail:
    """Sends e-mail through the server at ``url``."""

    url: str
    sender: str = "kibitz@localhost"
    password: str = field(default="", repr=False)

    @classmethod
    def from_environment(cls) -> Mail:
        """As the environment says; without a password where its file cannot be read, which is logged."""
        file = os.environ.get(PASSWORD_ENV)
        try:
            password = Path(file).read_text().strip() if file else ""
        except OSError as error:
            log.warning("cannot read the file that %s names: %s", PASSWORD_ENV, error.strerror)
            password = ""
        return cls(os.environ.get(SERVER_ENV, ""), os.environ.get(FROM_ENV, "kibitz@localhost"), password)

    def send(self, channel: Channel, message: Mapping[str, Any]) -> None:
        """Deliver: the sentence as subject and text, the JSON attached."""
        if not self.url:
            raise PermanentError(f"this collector sends no e-mail: {SERVER_ENV} is not set")
        try:
            with self._server() as server:
                server.send_message(self._letter(channel, message))
        except smtplib.SMTPResponseException as error:
            again = 400 <= error.smtp_code < 500
            raise (ChannelError if again else PermanentError)(
                f"the mail server answered {error.smtp_code}"
            ) from error
        except (OSError, smtplib.SMTPException) as error:
            raise ChannelError(f"mail: {type(error).__name__}") from error

    def _server(self) -> smtplib.SMTP:
        parts = urlsplit(self.url)
        host, secure = parts.hostname or "localhost", parts.scheme == "smtps"
        context = trusted()
        if secure:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                host, parts.port or 465, timeout=TIMEOUT_S, context=context
            )
        else:
            server = smtplib.SMTP(host, parts.port or 25, timeout=TIMEOUT_S)
        try:
            server.ehlo()
            if not secure and server.has_extn("starttls"):
                server.starttls(context=context)
                server.ehlo()
                secure = True
            if parts.username:
                self._log_in(server, unquote(parts.username), secure)
        except BaseException:
            server.close()
            raise
        return server

    def _log_in(self, server: smtplib.SMTP, user: str, secure: bool) -> None:
        if not secure:
            raise PermanentError("the mail server offers no TLS: the password stays here")
        server.login(user, self.password)

    def _letter(self, channel: Channel, message: Mapping[str, Any]) -> EmailMessage:
        letter = EmailMessage()
        letter["From"], letter["To"] = self.sender, channel.uri.removeprefix("mailto:")
        letter["Date"] = formatdate()
        letter["Message-ID"] = f"<{str(message['id']).replace(':', '.')}@kibitz>"
        letter[DELIVERY_HEADER] = str(message["id"])
        # A frame's name may hold anything; a header ends at its first line break.
        subject = " ".join(str(message["text"]).split())
        letter["Subject"] = f"[Kibitz] {subject}".encode("ascii", "replace").decode()[:_LONGEST_SUBJECT]
        letter.set_content(str(message["text"]).encode("utf-8", "replace").decode() + "\n")
        name = "heap.json" if message.get("heap") else "anomaly.json"
        letter.add_attachment(encoded(message), maintype="application", subtype="json", filename=name)
        return letter
