"""The collector's address decides which dialect is spoken; each is held against a server that remembers."""

from __future__ import annotations

import json
from base64 import b64decode
from urllib.parse import parse_qs, urlsplit

import pytest

from kibitz_agent import wire
from kibitz_agent.config import ConfigError, collector_url
from kibitz_agent.exporters import pprof
from kibitz_agent.fleet import Identity
from kibitz_agent.profile import Frame, Header, Profile, ProfileBuilder
from kibitz_agent.reporters.choose import reporter_to
from kibitz_agent.reporters.delivery import Delivery
from kibitz_agent.reporters.http import HttpReporter
from kibitz_agent.reporters.parca import ParcaChannel
from kibitz_agent.reporters.pyroscope import PyroscopeChannel
from kibitz_agent.reporters.transport import Answer

S = 1_000_000_000


class Line:
    """A transport that remembers what was posted."""

    def __init__(self, *statuses: int) -> None:
        self.statuses, self.posted = list(statuses), []

    def post(self, url: str, body: bytes, content_type: str, timeout_s: float) -> Answer:
        self.posted.append((url, body, content_type))
        return Answer(self.statuses.pop(0) if self.statuses else 200)


def profile() -> Profile:
    builder = ProfileBuilder()
    builder.add_stack([Frame("m:main", "m.py", 1), Frame("m:work", "m.py", 9)], (2, 20, 10))
    facts = {"instance": 'i{"1"}', "revision": "abc", "host": {"name": "box"}, "interval_ns": 10_000_000}
    return builder.build(Header(group="shop", token="t", start_ns=10 * S + 5, end_ns=20 * S + 5, **facts))


def test_pyroscope_gets_pprof_with_the_period_and_a_series_that_parses():
    line = Line()
    Delivery(PyroscopeChannel("http://h:4040/tenant/", line)).report(profile())
    [(url, body, content_type)] = line.posted
    assert url.startswith("http://h:4040/tenant/ingest?")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert asked == {
        "name": "shop{instance=i__1__,revision=abc,host=box}",
        "from": "10",
        "until": "21",
        "format": "pprof",
        "sampleRate": "100",
        "spyName": "kibitz",
    }
    assert body == pprof.encode(profile())
    assert content_type == "application/octet-stream"


def test_parca_gets_pprof_in_the_json_of_its_gateway():
    line = Line()
    Delivery(ParcaChannel("http://h:7070", line)).report(profile())
    [(url, body, content_type)] = line.posted
    assert url == "http://h:7070/api/profiles/writeraw"
    assert content_type == "application/json"
    [series] = json.loads(body)["series"]
    labels = {pair["name"]: pair["value"] for pair in series["labels"]["labels"]}
    assert labels == {
        "__name__": "kibitz",
        "job": "shop",
        "instance": 'i{"1"}',
        "revision": "abc",
        "host": "box",
    }
    assert b64decode(series["samples"][0]["rawProfile"]) == pprof.encode(profile())


@pytest.mark.parametrize("channel", [PyroscopeChannel, ParcaChannel])
def test_foreign_collectors_failure_keeps_the_profile_and_asks_for_no_configuration(channel):
    line = Line(500, 500, 500, 200)
    ours = Delivery(channel("http://h", line), sleep=lambda _: None)
    assert ours.configure() is None
    ours.report(profile())
    ours.close(5)
    assert len(line.posted) == 4
    assert len({body for _, body, _ in line.posted}) == 1


@pytest.mark.parametrize(
    ("url", "channel"),
    [
        ("http://h:1", "_Channel"),
        ("https://h/x", "_Channel"),
        ("pyroscope+http://h:4040", "PyroscopeChannel"),
        ("pyroscope+https://h/p", "PyroscopeChannel"),
        ("parca+http://h:7070", "ParcaChannel"),
        ("aws://eu-west-1", "AwsChannel"),
        ("aws://", "AwsChannel"),
    ],
)
def test_scheme_of_the_address_chooses_the_dialect(url, channel):
    reporter = reporter_to(collector_url(url, {}), Identity("g"), {})
    assert isinstance(reporter, Delivery)
    assert isinstance(reporter, HttpReporter) == (channel == "_Channel")
    assert type(reporter._channel).__name__ == channel


@pytest.mark.parametrize("url", ["ftp://h", "pyroscope://h", "loki+http://h", "aws://EU", "http://", "aws"])
def test_address_of_no_known_kind_is_refused(url):
    with pytest.raises(ConfigError, match="expected a URL"):
        collector_url(url, {})


def test_profile_in_the_spool_is_in_the_wire_form_whatever_the_dialect():
    line = Line(500, 500, 500)
    ours = Delivery(PyroscopeChannel("http://h", line), sleep=lambda _: None)
    ours.report(profile())
    _, body = ours._spool.first()
    assert list(wire.decode(body).stacks()) == list(profile().stacks())
