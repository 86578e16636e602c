"""Collectors as bad as they come, as real servers: the host waits for none of them, and nothing is lost or told twice."""

from __future__ import annotations

import http.server
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import parse_qs, urlsplit

import pytest

from kibitz_agent import wire
from kibitz_agent.config import Configuration
from kibitz_agent.fleet import Identity
from kibitz_agent.profile import Frame, Header, Profile, ProfileBuilder
from kibitz_agent.profiler import Profiler
from kibitz_agent.reporters import ReportError, delivery
from kibitz_agent.reporters.http import HttpReporter
from kibitz_agent.reporters.split import SMALLEST_BYTES
from kibitz_agent.reporters.transport import HttpTransport
from kibitz_agent.spool import Spool

PATIENCE_S = 120.0
Misbehaviour = Callable[[http.server.BaseHTTPRequestHandler], None]


class Hell:
    """A collector that misbehaves until told to recover, and counts what it took by token, as ours does."""

    def __init__(self, misbehave: Misbehaviour, stores: bool = False) -> None:
        self.taken: dict[str, bytes] = {}
        self.requests = self.repeated = 0
        self.recovered = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.close_connection = True
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests += 1
                if outer.recovered.is_set() or stores:
                    outer._take(self.path, body)
                if outer.recovered.is_set():
                    answer(self, 200 if "configureAgent" in self.path else 204)
                    return
                with suppress(OSError):
                    misbehave(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def _take(self, path: str, body: bytes) -> None:
        for token in parse_qs(urlsplit(path).query).get("profileToken", []):
            self.repeated += token in self.taken
            self.taken[token] = body

    @property
    def samples(self) -> int:
        return sum(wire.decode(body).total() for body in self.taken.values())


@contextmanager
def hell(misbehave: Misbehaviour, stores: bool = False) -> Iterator[Hell]:
    collector = Hell(misbehave, stores)
    with collector.server:
        thread = threading.Thread(target=collector.server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield collector
        collector.recovered.set()
        collector.server.shutdown()
        thread.join()


def answer(
    handler: http.server.BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: str
) -> None:
    handler.send_response(status)
    if status != 204:
        handler.send_header("Content-Length", str(len(body)))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def status(number: int, body: bytes = b"", **headers: str) -> Misbehaviour:
    return lambda handler: answer(handler, number, body, **headers)


def drip(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(200):
        handler.wfile.write(b" ")
        time.sleep(0.1)


def endless(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 500 Oh\r\n\r\n")
    until = time.monotonic() + 120
    while time.monotonic() < until:
        handler.wfile.write(bytes(1 << 16))


def slow(handler: http.server.BaseHTTPRequestHandler) -> None:
    time.sleep(0.4)
    answer(handler, 500)


def shut(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


PAGE = b"<!doctype html><title>Please log in</title>"
DEVILS: dict[str, Misbehaviour] = {
    "slow": slow,
    "hanging": lambda handler: time.sleep(20),
    "dripping": drip,
    "endless": endless,
    "closing": shut,
    "a login page": status(200, PAGE, Content_Type="text/html"),
    "redirecting elsewhere": status(302, Location="http://127.0.0.1:1/"),
    "not found": status(404),
    "unauthorized": status(401),
    "too many, for a second": status(429, Retry_After="1"),
    "too many, for a date": status(429, Retry_After="Wed, 21 Oct 2099 07:28:00 GMT"),
    "too many, for ever": status(503, Retry_After="999999999999"),
    "failing": status(500),
    "nonsense": lambda handler: handler.wfile.write(b"\x00\xff nonsense\r\n\r\n"),
}


def profile(token: str, stacks: int = 1) -> Profile:
    builder = ProfileBuilder()
    for number in range(stacks):
        name = f"module{number * 7919}:Class{number * 104729}.function{number}"
        builder.add_stack([Frame("m:main"), Frame(name, f"file{number * 31}.py")], (1, 10, 5))
    return builder.build(Header(token=token, start_ns=1, end_ns=2))


def reporter(collector: Hell, clock: Callable[[], float] = time.monotonic) -> HttpReporter:
    identity = Identity(group="g", instance="i")
    return HttpReporter(collector.url, identity, HttpTransport({}), sleep=lambda _: None, clock=clock)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "_TIMEOUT_S", 0.3)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("devil", DEVILS.values(), ids=DEVILS.keys())
def test_every_profile_arrives_once_when_the_collector_recovers_and_the_outage_is_one_line(devil, caplog):
    caplog.set_level(logging.WARNING, "kibitz")
    ahead = [0.0]
    with hell(devil) as collector:
        ours = reporter(collector, lambda: time.monotonic() + ahead[0])
        for token in ("one", "two", "three"):
            assert not ours.configure()
            ours.report(profile(token))
        assert collector.taken == {}
        assert len(caplog.messages) == 1
        collector.recovered.set()
        ahead[0] = 3601.0  # however long it asked for, an hour is enough
        ours.report(profile("four"))
        assert list(collector.taken) == ["one", "two", "three", "four"]
        assert collector.repeated == 0
        ours.close(PATIENCE_S)
        assert len(caplog.messages) == 1


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("devil", [slow, drip, shut, status(500)], ids=["slow", "dripping", "closing", "500"])
def test_profile_that_was_stored_although_the_answer_went_wrong_is_repeated_under_its_token(devil):
    with hell(devil, stores=True) as collector:
        ours = reporter(collector)
        ours.report(profile("one"))
        ours.report(profile("two"))
        collector.recovered.set()
        ours.report(profile("three"))
        assert sorted(collector.taken) == ["one", "three", "two"]
        assert collector.repeated > 0
        assert collector.samples == 3


def test_dead_collector_costs_bounded_memory_and_the_newest_profiles_survive(caplog):
    caplog.set_level(logging.WARNING, "kibitz")
    spool = Spool(max_profiles=5)
    with socket.socket() as mute:  # bound, so that nobody else can listen there meanwhile
        mute.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        ours = HttpReporter(url, Identity(group="g"), HttpTransport({}), spool, sleep=lambda _: None)
        for number in range(20):
            ours.report(profile(f"t{number}"))
    assert len(spool) == 5
    assert spool.first()[0] == "t15"
    assert len(caplog.messages) == 2, "one for the outage, one for what is dropped"


def too_large(limit_bytes: int) -> Misbehaviour:
    """413 for what is larger; the body has been read by then, so the limit is looked up in the header."""

    def misbehave(handler: http.server.BaseHTTPRequestHandler) -> None:
        size = int(handler.headers["Content-Length"])
        answer(handler, 413 if size > limit_bytes else 204)

    return misbehave


def test_profile_that_is_too_large_arrives_in_parts_that_say_the_same():
    whole = profile("whole", stacks=8000)
    limit = len(wire.encode(whole)) // 3
    assert limit > SMALLEST_BYTES
    with hell(too_large(limit), stores=True) as collector:
        reporter(collector).report(whole)
        parts = [wire.decode(body) for body in collector.taken.values() if len(body) <= limit]
    told = [repr(stack) for part in parts for stack in part.stacks()]
    assert sorted(told) == sorted(map(repr, whole.stacks()))
    assert len({part.header.token for part in parts}) == len(parts) >= 4


def test_profile_that_is_too_large_in_every_part_is_dropped_with_a_line_and_the_next_one_arrives():
    with hell(too_large(2000)) as collector:
        ours = reporter(collector)
        with pytest.raises(ReportError, match="413"):
            ours.report(profile("whole", stacks=4000))
        assert collector.requests < 40
        ours.report(profile("small"))
        collector.recovered.set()
        ours.close(PATIENCE_S)
        assert collector.taken == {}, "it was off our hands"


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b"[]", b"null", b"\xff", b"{", b'{"agentParameters": []}', PAGE]
)
def test_configuration_that_makes_no_sense_changes_nothing(body, caplog):
    with hell(status(200, body)) as collector:
        configuration = Configuration({}, {})
        before = configuration.settings
        answered = reporter(collector).configure()
        if answered is not None:
            configuration.accept(answered)
        assert configuration.settings == before


def looks(profiler: Profiler) -> int:
    """How often the profiler has looked so far."""
    session = profiler._session
    return session._sampler.tally().looks if session is not None else 0


@pytest.mark.parametrize("devil", ["hanging", "dripping", "endless", "failing"])
def test_host_waits_for_no_collector_and_profiles_of_the_outage_arrive(devil):
    with hell(DEVILS[devil]) as collector:
        identity = Identity(group="g", instance="i", process_id=1)
        configuration = Configuration(
            {"sampling_interval_ms": 5, "reporting_interval_ms": 100, "minimum_reporting_ms": 0}, {}
        )
        ours = Profiler(HttpReporter(collector.url, identity, HttpTransport({})), identity, configuration)
        before = threading.active_count()
        assert ours.start()
        # Two threads, and none of them the host's: what the collector does happens there.
        assert threading.active_count() <= before + 2 + collector.requests
        until = time.monotonic() + PATIENCE_S
        while not (collector.requests and looks(ours) > 20) and time.monotonic() < until:
            sum(range(10_000))
        ours.flush()
        collector.recovered.set()
        ours.stop(PATIENCE_S)
        assert not ours.is_running()
        assert collector.samples > 0
        assert collector.repeated == 0
