"""One request, one deadline: against real sockets that answer as badly as they can."""

from __future__ import annotations

import http.server
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from kibitz_agent.reporters.transport import LARGEST_ANSWER, HttpTransport

TIMEOUT_S = 1.0
PATIENCE_S = 120.0


def hang(connection: socket.socket) -> None:
    """Read until whoever asked has given up."""
    while connection.recv(65536):
        pass


@contextmanager
def peer(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that reads a request and then does what ``answer`` does with the connection."""
    ending = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)

        def serve() -> None:
            while not ending.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.settimeout(PATIENCE_S)
                    try:
                        while b"\r\n\r\n" not in connection.recv(65536):
                            pass
                        answer(connection)
                        # Closed with something unread, it would be reset, and the answer with it.
                        connection.shutdown(socket.SHUT_WR)
                        hang(connection)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/x"
        finally:
            ending.set()
            thread.join()


def drip(text: bytes, pause_s: float = 0.1) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        until = time.monotonic() + PATIENCE_S
        for byte in text:
            if time.monotonic() > until:
                return
            connection.sendall(bytes([byte]))
            time.sleep(pause_s)

    return answer


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        drip(HEAD + bytes(1000)),
        lambda connection: (connection.sendall(HEAD), drip(bytes(1000))(connection)),
        hang,
        lambda connection: (connection.sendall(b"HTTP/1.1 200 OK\r\n"), hang(connection)),
    ],
    ids=["drips its headers", "drips its body", "hangs", "hangs in its headers"],
)
def test_whole_answer_has_one_deadline(answer):
    with peer(answer) as url:
        begun = time.monotonic()
        with pytest.raises(OSError, match=r"took too long|timed out"):
            HttpTransport({}).post(url, b"body", "text/plain", TIMEOUT_S)
        assert time.monotonic() - begun < PATIENCE_S / 2


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"SSH-2.0-OpenSSH\r\n",
        b"\x00" * 500,
    ],
)
def test_what_is_no_whole_http_answer_is_an_os_error(text):
    with peer(lambda connection: connection.sendall(text)) as url, pytest.raises(OSError):
        HttpTransport({}).post(url, b"body", "text/plain", PATIENCE_S)


def test_endless_body_is_read_up_to_a_bound():
    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(bytes(1 << 16))

    with peer(answer) as url:
        assert len(HttpTransport({}).post(url, b"", "text/plain", PATIENCE_S).body) == LARGEST_ANSWER


def test_endless_headers_are_an_error():
    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(b"X: y\r\n" * 1000)

    with peer(answer) as url, pytest.raises(OSError, match="no HTTP answer"):
        HttpTransport({}).post(url, b"", "text/plain", PATIENCE_S)


def test_redirect_is_an_answer_and_is_not_followed():
    text = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    with peer(lambda connection: connection.sendall(text)) as url:
        assert HttpTransport({"KIBITZ_TOKEN": "s"}).post(url, b"", "text/plain", PATIENCE_S).status == 302


def test_nobody_there_is_an_os_error():
    with socket.socket() as mute:  # bound, so that nobody else can listen there meanwhile
        mute.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/"
        with pytest.raises(OSError, match="refused"):
            HttpTransport({}).post(url, b"", "text/plain", PATIENCE_S)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "http://", "file:///etc/passwd"])
def test_address_that_is_not_http_is_an_os_error(url):
    with pytest.raises(OSError, match="no HTTP answer"):
        HttpTransport({}).post(url, b"", "text/plain", PATIENCE_S)


class Seen(http.server.BaseHTTPRequestHandler):
    """Remembers what it was asked."""

    requests: list[tuple[str, str, dict[str, str]]]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(204)

    def do_CONNECT(self) -> None:
        self._answer(502)

    def _answer(self, status: int) -> None:
        self.requests.append((self.command, self.path, dict(self.headers)))
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def proxy() -> Iterator[tuple[str, list[tuple[str, str, dict[str, str]]]]]:
    handler = type("Handler", (Seen,), {"requests": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"127.0.0.1:{server.server_port}", handler.requests
        server.shutdown()
        thread.join()


def test_proxy_of_the_environment_is_asked_with_its_own_credentials(proxy):
    address, requests = proxy
    transport = HttpTransport({"HTTP_PROXY": f"http://me:p%40ss@{address}", "KIBITZ_TOKEN": "secret"})
    assert (
        transport.post("http://collector.invalid:8787/a?b=c", b"body", "text/plain", PATIENCE_S).status == 204
    )
    [(method, path, headers)] = requests
    assert (method, path) == ("POST", "http://collector.invalid:8787/a?b=c")
    assert headers["Proxy-Authorization"] == "Basic bWU6cEBzcw=="
    assert headers["Authorization"] == "Bearer secret"
    assert headers["Host"] == "collector.invalid:8787"


def test_secure_collector_is_reached_through_a_tunnel_and_the_proxy_never_sees_the_token(proxy):
    address, requests = proxy
    transport = HttpTransport({"https_proxy": address, "KIBITZ_TOKEN": "secret"})
    with pytest.raises(OSError):
        transport.post("https://collector.invalid/a", b"body", "text/plain", PATIENCE_S)
    [(method, path, headers)] = requests
    assert (method, path) == ("CONNECT", "collector.invalid:443")
    assert "secret" not in str(headers)


@pytest.mark.parametrize(
    ("names", "asked"),
    [
        ("*", False),
        ("127.0.0.1", False),
        ("example.org, 127.0.0.1", False),
        ("example.org", True),
        ("", True),
    ],
)
def test_no_proxy_names_whom_to_reach_directly(proxy, names, asked):
    address, requests = proxy
    transport = HttpTransport({"http_proxy": address, "no_proxy": names})
    assert transport.post(f"http://{address}/x", b"", "text/plain", PATIENCE_S).status == 204
    assert requests[0][1].startswith("http://") == asked


def test_token_file_is_read_at_every_request(proxy, tmp_path):
    address, requests = proxy
    file = tmp_path / "token"
    transport = HttpTransport({"KIBITZ_TOKEN_FILE": str(file)})
    for token in ("one", "two"):
        file.write_text(f"{token}\n")
        transport.post(f"http://{address}/x", b"", "text/plain", PATIENCE_S)
    assert [headers["Authorization"] for _, _, headers in requests] == ["Bearer one", "Bearer two"]
    file.unlink()
    with pytest.raises(OSError, match="No such file"):
        transport.post(f"http://{address}/x", b"", "text/plain", PATIENCE_S)


def test_own_authority_is_trusted_and_a_stranger_is_not(tmp_path, need):
    import ssl

    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subject = ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    command = [need("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject, *files]
    subprocess.run(command, check=True, capture_output=True)
    handler = type("Handler", (Seen,), {"requests": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            url = f"https://localhost:{server.server_port}/x"
            trusting = HttpTransport({"KIBITZ_CA_FILE": str(certificate)})
            assert trusting.post(url, b"body", "text/plain", PATIENCE_S).status == 204
            with pytest.raises(OSError, match="certificate verify failed"):
                HttpTransport({}).post(url, b"body", "text/plain", PATIENCE_S)
        finally:
            server.shutdown()
            thread.join()
