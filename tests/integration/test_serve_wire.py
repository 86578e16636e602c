"""HTTP as others speak it to a real collector: chunked, old, headless, huge, cut off; answered or refused, and it lives on."""

from __future__ import annotations

import gzip
import re
import socket
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

LASTING_S = 60.0
HOST = b"Host: 127.0.0.1\r\n"
CLOSE = b"Connection: close\r\n"


@pytest.fixture
def ask(lasting_collector):
    """``ask(request)``: all that the collector answers to these bytes until it closes; ``cut``: nothing follows them."""

    def asked(request, cut=False):
        parts = urlsplit(lasting_collector.url)
        with socket.create_connection((parts.hostname, parts.port), timeout=LASTING_S) as connection:
            found = []
            with suppress(ConnectionError):  # it closed while it was still being sent to
                connection.sendall(request)
                if cut:
                    connection.shutdown(socket.SHUT_WR)
                while part := connection.recv(65_536):
                    found.append(part)
            return b"".join(found)

    return asked


def status(answer):
    return int(re.match(rb"HTTP/1\.[01] (\d{3}) ", answer)[1])


def posted(path, body, *headers):
    said = b"".join(header + b"\r\n" for header in headers)
    return b"POST " + path + b" HTTP/1.1\r\n" + HOST + CLOSE + said + b"\r\n" + body


def total(collector, group):
    return collector.get(f"/api/groups/{group}/functions?value=samples")["total"]


def test_chunked_body_is_kept_whole(ask, lasting_collector):
    chunks = [b"a;b 1\n", b"a;c 2\n" * 5000]
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    answer = ask(posted(b"/ingest?name=chunked", body, b"Transfer-Encoding: chunked"))
    assert status(answer) == 200
    assert total(lasting_collector, "chunked") == 10_001


@pytest.mark.parametrize(("name", "header"), [("told", b"Content-Encoding: gzip"), ("untold", b"X-A: b")])
def test_gzip_body_is_read_whether_its_encoding_is_told_or_not(ask, lasting_collector, name, header):
    body = gzip.compress(b"a;b 7\n")
    answer = ask(posted(b"/ingest?name=" + name.encode(), body, header, b"Content-Length: %d" % len(body)))
    assert status(answer) == 200
    assert total(lasting_collector, name) == 7


def test_body_that_is_announced_is_awaited(ask, lasting_collector):
    answer = ask(posted(b"/ingest?name=expected", b"a 3\n", b"Expect: 100-continue", b"Content-Length: 4"))
    assert answer.startswith(b"HTTP/1.1 100 ")
    assert b"HTTP/1.1 200 " in answer
    assert total(lasting_collector, "expected") == 3


def test_body_that_is_cut_off_is_never_kept(ask, lasting_collector):
    answer = ask(posted(b"/ingest?name=cut", b"a 3\n", b"Content-Length: 10"), cut=True)
    assert not answer or status(answer) >= 400
    assert "cut" not in {group["name"] for group in lasting_collector.get("/api/groups")["groups"]}


def test_health_is_told_over_http_1_0_without_a_host(ask):
    answer = ask(b"GET /healthz HTTP/1.0\r\n\r\n")
    assert status(answer) == 200
    assert answer.endswith(b'{"status":"ok"}\n')


def test_name_that_is_not_its_own_is_refused(ask):
    assert status(ask(b"GET /api/groups HTTP/1.1\r\nHost: kibitz.example\r\n" + CLOSE + b"\r\n")) == 403


@pytest.mark.parametrize("path", [b"/", b"/api/groups", b"/healthz", b"/metrics"])
def test_head_is_answered_like_get_without_a_body(ask, path):
    head, get = (
        ask(method + b" " + path + b" HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n") for method in (b"HEAD", b"GET")
    )
    assert status(head) == status(get) == 200
    assert head.endswith(b"\r\n\r\n")
    assert head.count(b"\r\n\r\n") == 1


def test_other_origins_are_allowed_nothing(ask):
    wanted = b"Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n"
    for method in (b"OPTIONS", b"GET", b"POST"):
        answer = ask(
            method + b" /api/groups HTTP/1.1\r\n" + HOST + CLOSE + wanted + b"Content-Length: 0\r\n\r\n"
        )
        assert b"access-control-" not in answer.lower()


@pytest.mark.parametrize(
    ("request_", "refusal"),
    [
        (b"GET / HTTP/1.1\r\n" + HOST + b"X-A: " + b"a" * 500_000 + b"\r\n\r\n", 431),
        (b"GET /?q=" + b"a" * 400_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 431),
        (posted(b"/ingest?name=x", b"abc", b"Content-Length: 999999999999"), 413),
        (posted(b"/ingest?name=x", b"abc", b"Content-Length: -1"), 400),
        (posted(b"/ingest?name=x", b"a 1\n\n", b"Content-Length: 5", b"Content-Length: 3"), 400),
        (posted(b"/ingest?name=x", b"zz\r\nab\r\n", b"Transfer-Encoding: chunked"), 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\xff\r\n\r\n", 400),
        (b"GET /groups/a%00b HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n", 400),
        (b"GET /groups/%ff%fe HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n", 400),
        (b"GET /groups/\xff HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n", 400),
        (b"BREW /api/groups HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n", 405),
    ],
)
def test_what_is_no_request_is_refused_and_the_next_one_answered(ask, lasting_collector, request_, refusal):
    answer = ask(request_)
    # What is refused before it has been read to its end may be answered by the end of the connection alone.
    assert status(answer) == refusal if answer else refusal == 431
    assert lasting_collector.get("/healthz") == {"status": "ok"}
    assert "x" not in {group["name"] for group in lasting_collector.get("/api/groups")["groups"]}
