"""Which hosts a web channel may reach, and a request to them: a collector must not be made to ask its own neighbours.

Addresses that are not public (loopback, private, link-local with the clouds' metadata services, multicast, reserved) are
refused, unless the host is named in KIBITZ_CHANNEL_HOSTS. The address that was checked is the one connected to, whatever
the name says a moment later; redirects are not followed; no proxy is asked. Beside the system's authorities the one is trusted
whose certificate is in the file that KIBITZ_CA_FILE names.
"""

from __future__ import annotations

import http.client
import ipaddress
import os
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from kibitz_server.channels import ChannelError, PermanentError

ALLOWED_ENV, AUTHORITY_ENV = "KIBITZ_CHANNEL_HOSTS", "KIBITZ_CA_FILE"
TIMEOUT_S = 10.0
_MOST_ANSWER = 2000
_RETRIED = frozenset({408, 425, 429})


def hosts_allowed() -> frozenset[str]:
    """The hosts that KIBITZ_CHANNEL_HOSTS names, separated by commas."""
    return frozenset(
        name.strip().lower() for name in os.environ.get(ALLOWED_ENV, "").split(",") if name.strip()
    )


def trusted() -> ssl.SSLContext:
    """The authorities by which servers are known; OSError where the file with one's own cannot be read."""
    context = ssl.create_default_context()
    own = os.environ.get(AUTHORITY_ENV)
    if own:
        context.load_verify_locations(cafile=own)
    return context


@dataclass(frozen=True, slots=True)
class Web:
    """Sends requests to public hosts, and to those in ``allowed``. ``timeout_s``: of one request, answer included."""

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
            status = self._answer(parts, host, port, body, headers)
        except (OSError, http.client.HTTPException) as error:
            raise ChannelError(f"{host}: {type(error).__name__}") from error  # the text may quote the address
        if 200 <= status < 300:
            return
        again = status >= 500 or status in _RETRIED
        raise (ChannelError if again else PermanentError)(f"{host} answered {status}")

    def _answer(
        self, parts: SplitResult, host: str, port: int, body: bytes, headers: Mapping[str, str]
    ) -> int:
        with self._connected(host, port) as made:
            secure = parts.scheme == "https"
            kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
            # Of which the Host header depends on the usual port.
            connection = kind(host, port, timeout=self.timeout_s)
            connection.sock = trusted().wrap_socket(made, server_hostname=host) if secure else made
            try:
                target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
                connection.request("POST", target, body, dict(headers))
                answer = connection.getresponse()
                with suppress(OSError, http.client.HTTPException):  # the status says it all
                    answer.read(_MOST_ANSWER)
                return answer.status
            finally:
                connection.close()

    @contextmanager
    def _connected(self, host: str, port: int) -> Iterator[socket.socket]:
        """A connection that is cut off when the time is up: who answers a byte at a time would hold it for ever."""
        made = socket.create_connection((self._address(host, port), port), timeout=self.timeout_s)
        # TLS takes over the descriptor from the socket that it wraps.
        with socket.socket(fileno=os.dup(made.fileno())) as other:
            cut = threading.Timer(self.timeout_s, _cut_off, [other])
            cut.daemon = True
            cut.start()
            try:
                yield made
            finally:
                cut.cancel()
                made.close()

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


def _cut_off(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def is_public(address: str) -> bool:
    """Whether anybody's packets may go to this IP address."""
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_global and not (mapped or found).is_multicast
