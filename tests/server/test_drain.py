"""A server that is told to stop answers what was asked, to the last byte, and waits for nobody else."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time

import pytest
from waitress import wasyncore
from waitress.server import create_server

from kibitz_server.drain import drain

LARGE = b"x" * (8 << 20)


def app(environ, start_response):
    body = environ["wsgi.input"].read()
    answer = LARGE if environ["PATH_INFO"] == "/large" else b"got %d" % len(body)
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]


@pytest.fixture
def served():
    watched: dict[int, object] = {}
    listener = socket.create_server(("127.0.0.1", 0))
    server = create_server(app, map=watched, sockets=[listener], threads=2)
    try:
        yield server, watched, listener.getsockname()[1]
    finally:
        server.task_dispatcher.shutdown(cancel_pending=True, timeout=5)
        wasyncore.close_all(watched, ignore_all=True)


def serve_until(watched, done, limit_s=60):
    until = time.monotonic() + limit_s
    while not done():
        assert time.monotonic() < until
        wasyncore.loop(0.01, map=watched, count=1)


def test_request_whose_body_is_on_its_way_is_answered(served):
    server, watched, port = served
    client = socket.create_connection(("127.0.0.1", port))
    client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345")
    serve_until(watched, lambda: any(one.request is not None for one in server.active_channels.values()))
    later = threading.Timer(0.3, client.sendall, [b"67890"])
    later.start()
    drain(server, watched, 60)
    later.join()
    answer = b""
    with contextlib.closing(client):
        while piece := client.recv(1 << 16):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"got 10")


def test_answer_of_many_pieces_is_sent_to_its_end(served):
    server, watched, port = served
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    client.request("GET", "/large")
    serve_until(watched, lambda: any(one.total_outbufs_len for one in server.active_channels.values()))
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(client.getresponse().read()))
    later = threading.Timer(0.3, reader.start)
    later.start()
    drain(server, watched, 60)
    later.join()
    reader.join(60)
    client.close()
    assert read == [LARGE]


def test_connections_with_nothing_to_do_are_closed_at_once(served):
    server, watched, port = served
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
    serve_until(watched, lambda: len(server.active_channels) == 3)
    drain(server, watched, 10**9)
    assert not server.active_channels
    for client in idle:
        with contextlib.closing(client):
            client.settimeout(60)
            assert client.recv(1) == b""


def test_request_that_had_arrived_but_was_not_read_yet_is_answered(served):
    server, watched, port = served
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    client.connect()
    serve_until(watched, lambda: len(server.active_channels) == 1)
    client.request("POST", "/", b"123")
    drain(server, watched, 60)
    assert client.getresponse().read() == b"got 3"
    client.close()


def test_request_that_never_ends_is_given_up(served):
    server, watched, port = served
    with contextlib.closing(socket.create_connection(("127.0.0.1", port))) as client:
        client.sendall(b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n1")
        serve_until(watched, lambda: any(one.request is not None for one in server.active_channels.values()))
        seconds = iter(range(100))
        drain(server, watched, 5, clock=lambda: next(seconds))
        assert len(server.active_channels) == 1


def test_no_new_connection_is_taken(served):
    server, watched, port = served
    with contextlib.closing(socket.create_connection(("127.0.0.1", port))):
        drain(server, watched, 60)
        assert not server.active_channels
