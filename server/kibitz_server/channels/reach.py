"""Which hosts a web channel may reach, and a request to them: a collector must not be made to ask its own neighbours.

Addresses that are not public (loopback, private, link-local with the clouds' metadata services, multicast, reserved) are
refused, unless the host is named in KIBITZ_CHANNEL_HOSTS. The address that was checked is the one connected to, whatever
the name says a moment later; redirects are not followed; no proxy is asked.
"""

from __future__ import annotations

import http.client
import ipaddress
import os
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from kibitz_server.channels import ChannelError, PermanentError

ALLOWED_ENV = "KIBITZ_CHANNEL_HOSTS"
TIMEOUT_S = 10.0
_MOST_ANSWER = 2000
_RETRIED = frozenset({408, 425, 429})


def hosts_allowed() -> frozenset[str]:
    """The hosts that KIBITZ_CHANNEL_HOSTS names, separated by commas."""
    return frozenset(
        name.strip().lower() for name in os.environ.get(ALLOWED_ENV, "").split(",") if name.strip()
    )


@dataclass(frozen=True, slots=True)
class Web:
    """Sends requests to public hosts, and to those in ``allowed``."""

    allowed: frozenset[str] = field(default_factory=hosts_allowed)
    timeout_s: float = TIMEOUT_S

    def post(self, uri: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Post; `ChannelError` if the answer is not 2xx, `PermanentError` if it will not be another time either."""
        parts = urlsplit(uri)
        try:
            host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError as error:
            raise PermanentError("the address has no valid port") from error
        try:
            connection = self._connected(host, port, parts.scheme == "https")
            try:
                target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
                connection.request("POST", target, body, dict(headers))
                answer = connection.getresponse()
                answer.read(_MOST_ANSWER)
            finally:
                connection.close()
        except (OSError, http.client.HTTPException) as error:
            raise ChannelError(f"{host}: {type(error).__name__}") from error  # the text may quote the address
        if 200 <= answer.status < 300:
            return
        again = answer.status >= 500 or answer.status in _RETRIED
        raise (ChannelError if again else PermanentError)(f"{host} answered {answer.status}")

    def _connected(self, host: str, port: int, secure: bool) -> http.client.HTTPConnection:
        address = self._address(host, port)
        made = socket.create_connection((address, port), timeout=self.timeout_s)
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(
            host, port, timeout=self.timeout_s
        )  # of which the Host header depends on the usual port
        if secure:
            try:
                made = ssl.create_default_context().wrap_socket(made, server_hostname=host)
            except BaseException:
                made.close()
                raise
        connection.sock = made
        return connection

    def _address(self, host: str, port: int) -> str:
        found = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        if host.lower() in self.allowed:
            return found[0]
        for address in found:
            if not is_public(address):
                raise PermanentError(
                    f"{host} is not a public address; if it is meant to be reached, name it in {ALLOWED_ENV}"
                )
        return found[0]


def is_public(address: str) -> bool:
    """Whether anybody's packets may go to this IP address."""
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_global and not (mapped or found).is_multicast
