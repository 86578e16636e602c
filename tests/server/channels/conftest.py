"""A web server and a store with an anomaly in it, for channels to tell of."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from kibitz_server import channels
from kibitz_server.channels import created
from kibitz_server.channels.reach import Web
from kibitz_server.channels.webhook import Slack, Webhook
from kibitz_server.findings import anomaly, heap_growth

NOW = 1_800_000_000.0


@dataclass
class Received:
    """What came: (path, headers, body); ``answers`` are the next statuses, ``body`` is what each one says."""

    address: str = ""
    requests: list[tuple[str, Message, bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    body: bytes = b""

    def told(self) -> list[Any]:
        return [json.loads(body) for _, _, body in self.requests]


@contextmanager
def _serving(server: Any) -> Iterator[Any]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(received: Received) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.requests.append((self.path, self.headers, body))
            self.send_response(received.answers.pop(0) if received.answers else 204)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(received.body)))
            self.end_headers()
            self.wfile.write(received.body)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


@pytest.fixture
def hooks() -> Iterator[Received]:
    """A web server that keeps what is posted to it."""
    received = Received()
    with _serving(ThreadingHTTPServer(("127.0.0.1", 0), _handler(received))) as server:
        received.address = f"http://127.0.0.1:{server.server_address[1]}"
        yield received


@pytest.fixture
def hooks_over_tls(authority: Any) -> Iterator[Received]:
    """The same over HTTPS, with a certificate that no system's authority knows."""
    received = Received()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(received))
    server.socket = authority.server_context().wrap_socket(server.socket, server_side=True)
    with _serving(server):
        received.address = f"https://localhost:{server.server_address[1]}"
        yield received


@dataclass(frozen=True)
class Authority:
    """A certificate's authority of one's own; ``file``: its certificate."""

    file: str
    server_context: Callable[[], Any]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    import ssl

    import trustme

    made = trustme.CA()
    certificate = made.issue_cert("localhost")
    file = tmp_path_factory.mktemp("authority") / "ca.pem"
    made.cert_pem.write_to_path(str(file))

    def context() -> ssl.SSLContext:
        served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(served)
        return served

    return Authority(str(file), context)


@pytest.fixture
def found() -> Callable[..., Any]:
    """``found("m:f", start)``: an anomaly that began then."""

    def make(frame: str = "m:f", start: float = NOW - 7200, **details: Any) -> Any:
        one = anomaly(
            group="shop", frame=frame, start=start, end=start + 3600, usual=0.1, seen=0.2, revision="r2"
        )
        return replace(one, details={**one.details, **details})

    return make


@pytest.fixture
def grown() -> Callable[..., Any]:
    """``grown("m.A", grows_with=["dict"])``: a heap in which there are ever more of them."""

    def make(kind: str = "m.A", end: float = NOW, **given: Any) -> Any:
        facts = {"instance": "web-1", "counts": (100.0, 90.0, 110.0), "bytes_per_hour": 4800.0}
        return heap_growth(
            group="shop", kind=kind, start=end - 3600, end=end, live=(2.0**20, 2.0**21), **{**facts, **given}
        )

    return make


@pytest.fixture
def shop(store: Any, found: Callable[..., Any]) -> Any:
    """A store with a group and an anomaly."""
    store.create_group("shop", 0.0)
    store.save_findings("shop", [found()])
    return store


@pytest.fixture
def by() -> Callable[..., dict[str, Any]]:
    """Senders that may reach this machine, and those given."""

    def senders(**given: Any) -> dict[str, Any]:
        local = Web(frozenset({"127.0.0.1", "localhost"}), timeout_s=20.0)
        return {channels.WEBHOOK: Webhook(local), channels.SLACK: Slack(local), **given}

    return senders


@pytest.fixture
def add(shop: Any) -> Callable[..., channels.Channel]:
    """Adds a channel to the group."""

    def added(uri: str, kind: str = channels.WEBHOOK) -> channels.Channel:
        channel = created(kind, uri)
        channels.add(shop, "shop", channel)
        return channel

    return added


@pytest.fixture(scope="session")
def schema(root: Any) -> Any:
    """The documented schema of messages."""
    return json.loads((root / "docs" / "channels.schema.json").read_text())
