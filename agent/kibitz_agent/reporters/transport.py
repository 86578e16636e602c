"""One HTTP request with one deadline: connecting, sending and all of the answer together take no longer.

The timeouts of the standard library's clients are for each read: a peer that sends a byte a second holds them for ever.
"""

from __future__ import annotations

import io
import os
import socket
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from kibitz_agent.reporters.sockets import connect

if TYPE_CHECKING:
    from http.client import HTTPConnection

LARGEST_ANSWER = 1 << 20
"""What is read of an answer's body, in bytes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A collector's answer: status, body, and how long it asks to be left alone (seconds, 0: it does not say)."""

    status: int
    body: bytes = b""
    retry_after_s: float = 0.0


class Transport(Protocol):
    """Sends one request; `OSError` when no answer came."""

    def post(self, url: str, body: bytes, content_type: str, timeout_s: float) -> Answer:
        """POST ``body`` and return the answer, whatever its status, within ``timeout_s`` seconds in all."""


class HttpTransport:
    """The real transport: proxies, certificates and the token are those that the environment names.

    ``HTTP_PROXY``, ``HTTPS_PROXY``, ``NO_PROXY``; ``KIBITZ_CA_FILE`` is trusted beside the system's authorities;
    ``KIBITZ_TOKEN_FILE``, read at every request so that it may be renewed, or ``KIBITZ_TOKEN`` is sent as a bearer token.
    Redirects are not followed: the token is for the collector that was named.
    """

    def __init__(
        self, environ: Mapping[str, str] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._environ = os.environ if environ is None else environ
        self._clock = clock
        self._context: Any = None

    def post(self, url: str, body: bytes, content_type: str, timeout_s: float) -> Answer:
        """POST ``body`` and return the answer, whatever its status; `OSError` when none came in time."""
        from http.client import HTTPException

        address = urlsplit(url)
        deadline_s = self._clock() + timeout_s
        headers = {"Content-Type": content_type, "Connection": "close", **self._authorization()}
        try:
            connection, target = self._connection(address, headers, timeout_s)
            connection.connect()
            connected = connection.sock
            try:
                connection.sock = _Bounded(connected, deadline_s, self._clock)
                connection.request("POST", target, body, headers)
                response = connection.getresponse()
                wait_s = retry_seconds(response.headers.get("Retry-After"))
                found = response.read(LARGEST_ANSWER)
                if response.length and len(found) < LARGEST_ANSWER:
                    raise OSError("the answer was cut short")
                return Answer(response.status, found, wait_s)
            finally:
                connected.close()
        except OSError:
            raise  # a certificate that fails is a ValueError as well
        except (HTTPException, ValueError) as error:
            raise OSError(f"no HTTP answer ({type(error).__name__})") from error

    def _connection(
        self, address: SplitResult, headers: dict[str, str], timeout_s: float
    ) -> tuple[HTTPConnection, str]:
        """A connection to the host or its proxy, and what to ask it for."""
        from http.client import HTTPConnection, HTTPSConnection

        if address.scheme not in ("http", "https") or not address.hostname:
            raise ValueError("the collector's address must begin with http:// or https://")
        target = address.path + (f"?{address.query}" if address.query else "")
        proxy = self._proxy(address)
        via, port = (proxy.hostname, proxy.port or 80) if proxy else (address.hostname, address.port)
        if address.scheme == "http":
            plain = HTTPConnection(via or "", port, timeout=timeout_s)
            plain._create_connection = connect  # type: ignore[attr-defined]  # noqa: SLF001
            if proxy:
                headers.update(_proxy_authorization(proxy))
                target = f"http://{address.netloc.rpartition('@')[2]}{target}"
            return plain, target
        secure = HTTPSConnection(via or "", port, timeout=timeout_s, context=self._tls())
        if proxy:
            secure.set_tunnel(address.hostname, address.port or 443, _proxy_authorization(proxy))
        return secure, target

    def _proxy(self, address: SplitResult) -> SplitResult | None:
        found = self._variable(f"{address.scheme}_proxy")
        if not found or _is_bypassed(address.hostname or "", address.port, self._variable("no_proxy")):
            return None
        return urlsplit(found if "://" in found else f"http://{found}")

    def _variable(self, name: str) -> str:
        # The lower case first, as everyone does; HTTP_PROXY could be a request's header in a CGI program.
        if name == "http_proxy" and "REQUEST_METHOD" in self._environ:
            return self._environ.get(name, "")
        return self._environ.get(name) or self._environ.get(name.upper(), "")

    def _tls(self) -> Any:
        if self._context is None:
            import ssl

            self._context = ssl.create_default_context()
            own = self._environ.get("KIBITZ_CA_FILE")
            if own:
                self._context.load_verify_locations(cafile=own)
        return self._context

    def _authorization(self) -> dict[str, str]:
        path = self._environ.get("KIBITZ_TOKEN_FILE")
        if path:
            with open(path, encoding="utf-8") as file:
                token = file.read().strip()
        else:
            token = self._environ.get("KIBITZ_TOKEN", "").strip()
        return {"Authorization": f"Bearer {token}"} if token else {}


class _Bounded(io.RawIOBase):
    """A connected socket whose every wait ends at one deadline. Closing it leaves the socket to who made it."""

    def __init__(self, connected: socket.socket, deadline_s: float, clock: Callable[[], float]) -> None:
        self._socket, self._deadline_s, self._clock = connected, deadline_s, clock

    def sendall(self, data: Any) -> None:
        self._wait_at_most()
        self._socket.sendall(data)

    def makefile(self, *_: object, **__: object) -> io.BufferedReader:
        return io.BufferedReader(_Bounded(self._socket, self._deadline_s, self._clock))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._wait_at_most()
        return self._socket.recv_into(buffer)

    def _wait_at_most(self) -> None:
        left_s = self._deadline_s - self._clock()
        if left_s <= 0:
            raise TimeoutError("the answer took too long")
        self._socket.settimeout(left_s)


def _proxy_authorization(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(pair.encode()).decode()}"}


def _is_bypassed(host: str, port: int | None, names: str) -> bool:
    """Whether ``NO_PROXY`` names the host: exactly, as a domain it lies in, with its port, or by ``*``."""
    for name in (part.strip().lower() for part in names.split(",")):
        if name == "*":
            return True
        bare, _, wanted_port = name.partition(":") if name.count(":") == 1 else (name, "", "")
        if wanted_port and wanted_port != str(port):
            continue
        bare = bare.removeprefix("*").lstrip(".")
        if bare and (host.lower() == bare or host.lower().endswith(f".{bare}")):
            return True
    return False


def retry_seconds(text: str | None) -> float:
    """Seconds of a Retry-After header; a date or nonsense count as a minute, more than an hour as an hour."""
    if not text:
        return 0.0
    try:
        return min(3600.0, max(0.0, float(text)))
    except ValueError:
        return 60.0
