"""Channels of collectors that really run: added by AWS's client, one that hangs, two collectors on one database."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest

from kibitz_server import channels
from kibitz_server.channels.delivery import announce
from kibitz_server.channels.reach import Web
from kibitz_server.channels.webhook import Webhook
from kibitz_server.findings import anomaly, heap_growth
from kibitz_server.store.opening import open_store

boto3 = pytest.importorskip("boto3")

PATIENCE_S = 180.0
TOPIC = "arn:aws:sns:us-east-1:123456789012:alarms"


class Hooks:
    """A web server that keeps what is posted to it; what is posted to /broken it refuses."""

    def __init__(self) -> None:
        self.came: list[tuple[str, bytes]] = []
        hooks = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hooks.came.append((self.path, body))
                self.send_response(503 if self.path.startswith("/broken") else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def at(self, path: str) -> list[bytes]:
        return [body for where, body in self.came if where.partition("?")[0] == path]


@pytest.fixture
def hooks() -> Iterator[Hooks]:
    made = Hooks()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def reachable(hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Collectors started by a test may reach this machine, and take it for SNS."""
    settings = {
        "KIBITZ_CHANNEL_HOSTS": "127.0.0.1",
        "AWS_ENDPOINT_URL_SNS": hooks.url,
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "SECRETOFAWS",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)


def found(name: str) -> Any:
    now = time.time()
    return anomaly(group="shop", frame=name, start=now - 3600, end=now + 60, usual=0.1, seen=0.2)


def grown(kind: str) -> Any:
    now = time.time()
    return heap_growth(
        group="shop", kind=kind, instance="web-1", start=now - 3600, end=now + 60,
        counts=(100.0, 90.0, 110.0), bytes_per_hour=4800.0, live=(2.0**20, 2.0**21),
    )  # fmt: skip


def until(holds: Any, what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def restart(collector: Any) -> None:
    """Again, with the environment of now."""
    assert collector.stop() == 0
    collector.start()


def test_channels_that_awss_client_adds_deliver_and_no_secret_of_them_is_shown(
    collector: Any, hooks: Hooks
) -> None:
    restart(collector)
    session = boto3.Session("AKIDEXAMPLE", "secret", region_name="us-east-1")
    client = session.client("codeguruprofiler", endpoint_url=collector.url)
    client.create_profiling_group(profilingGroupName="shop", clientToken="made")
    wanted = [TOPIC, f"{hooks.url}/broken?key=SECRETQUERY"]
    given = [{"uri": uri, "eventPublishers": ["AnomalyDetection"]} for uri in wanted]
    listed = client.add_notification_channels(profilingGroupName="shop", channels=given)
    client.close()
    file = collector.data / "kibitz.sqlite"
    with closing(open_store(str(file))) as store:
        store.save_findings("shop", [found("m:slow"), grown("m.Session")])
        secrets = [channel.secret for channel in channels.listed(store.document("shop", "channels"))]
    until(lambda: len(hooks.at("/")) >= 2 and len(hooks.at("/broken")) >= 2, "nothing was announced")
    asked = [parse_qs(body.decode()) for body in hooks.at("/")]
    assert {one["TopicArn"][0] for one in asked} == {TOPIC}
    events = sorted(json.loads(one["Message"][0])["event"] for one in asked)
    assert events == ["anomaly.found", "heap.grows"]
    assert sorted(json.loads(body)["event"] for body in hooks.at("/broken")[:2]) == events
    log = collector.data.parent / "serve.log"
    until(lambda: log.read_text().count("took no message") >= 2, "the refusals are not logged")
    page = collector.request(
        "/groups/shop/channels", b"kind=webhook&address=x", "application/x-www-form-urlencoded"
    )
    told = log.read_text() + json.dumps(listed, default=str) + page[2].decode()
    assert TOPIC in page[2].decode()
    for secret in ("SECRETQUERY", "SECRETOFAWS", *filter(None, secrets)):
        assert secret not in told


def test_a_channel_that_hangs_keeps_no_report_waiting(collector: Any, make_profile: Any) -> None:
    restart(collector)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(PATIENCE_S)
        assert collector.post(make_profile({"m:a": 1})) == 204
        with closing(open_store(str(collector.data / "kibitz.sqlite"))) as store:
            uri = f"http://127.0.0.1:{silent.getsockname()[1]}/"
            channels.add(store, "shop", channels.created(channels.WEBHOOK, uri))
            store.save_findings("shop", [found("m:slow")])
        connection, _ = silent.accept()
        with connection:
            connection.settimeout(0.0)
            kept, hung = 0, True
            while hung and kept < 100:  # as long as the collector waits for an answer
                assert collector.post(make_profile({"m:a": 1}), token=f"token-{kept}") == 204
                try:
                    hung = bool(connection.recv(65536))  # first the message, and nothing once it gave up
                except BlockingIOError:
                    kept += 1
                except ConnectionResetError:
                    hung = False
    assert kept >= 1


def test_two_collectors_on_one_database_announce_once(
    collector: Any, new_database: Any, tmp_path: Any, hooks: Hooks
) -> None:
    collector.stop()
    address = new_database()
    with closing(open_store(address)) as store:
        store.create_group("shop", 0.0)
        channels.add(store, "shop", channels.created(channels.WEBHOOK, f"{hooks.url}/hook"))
    pair = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        pair.append(type(collector)(tmp_path / name / "data"))
        pair[-1].start("--store", address)
    try:
        for batch in range(2):
            with closing(open_store(address)) as store:
                store.save_findings("shop", [found(f"m:f{batch}-{number}") for number in range(10)])
            until(lambda: len(set(hooks.at("/hook"))) >= 10 * (batch + 1), "not all were announced")  # noqa: B023
    finally:
        for one in pair:
            assert one.stop() == 0
    ids = Counter(json.loads(body)["id"] for body in hooks.at("/hook"))
    assert len(ids) == 20
    assert set(ids.values()) == {1}


def test_many_announcers_at_once_send_each_message_once(new_database: Any, hooks: Hooks) -> None:
    address = new_database()
    with closing(open_store(address)) as store:
        store.create_group("shop", 0.0)
        channels.add(store, "shop", channels.created(channels.WEBHOOK, f"{hooks.url}/hook"))
        store.save_findings("shop", [found(f"m:f{number}") for number in range(40)])
        store.save_findings("shop", [grown(f"m.T{number}") for number in range(5)])
    announcers, start = 6, threading.Barrier(6)

    def run(_: int) -> int:
        with closing(open_store(address)) as store:
            start.wait(PATIENCE_S)
            return announce(
                store, "shop", {channels.WEBHOOK: Webhook(Web(frozenset({"127.0.0.1"}), 60.0))}, time.time()
            )

    with ThreadPoolExecutor(announcers) as pool:
        taken = list(pool.map(run, range(announcers)))
    ids = Counter(json.loads(body)["id"] for body in hooks.at("/hook"))
    assert sum(taken) == len(ids) == 45
    assert set(ids.values()) == {1}
    assert sum(count > 0 for count in taken) > 1, "they did not run at the same time"
