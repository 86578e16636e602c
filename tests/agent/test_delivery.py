"""Delivery: nothing waits behind what can never be sent, and what is dropped is said."""

from __future__ import annotations

import logging
import random
import sys

import pytest

from kibitz_agent import wire
from kibitz_agent.disk_spool import DiskSpool
from kibitz_agent.profile import Frame, Header, Profile, ProfileBuilder
from kibitz_agent.reporters import ReportError
from kibitz_agent.reporters.delivery import Delivery
from kibitz_agent.reporters.pyroscope import PyroscopeChannel
from kibitz_agent.reporters.split import SMALLEST_BYTES, halves
from kibitz_agent.reporters.transport import Answer


class Strict:
    """A channel that takes profiles and refuses what is none; ``statuses`` come first, in their order."""

    def __init__(self, *answers: Answer) -> None:
        self.answers, self.tokens = list(answers), []

    def configure(self, timeout_s: float) -> Answer | None:
        return None

    def deliver(self, token: str, body: bytes, timeout_s: float) -> Answer:
        self.tokens.append(token)
        if self.answers:
            return self.answers.pop(0)
        try:
            wire.decode(body)
        except ValueError:
            return Answer(400)
        return Answer(204)


class Encoding(Strict):
    """One that has to read a profile before it can send it."""

    def deliver(self, token: str, body: bytes, timeout_s: float) -> Answer:
        wire.decode(body)
        return super().deliver(token, body, timeout_s)


def profile(token: str, functions: int = 1) -> Profile:
    builder = ProfileBuilder()
    for number in range(functions):
        builder.add_stack([Frame("m:main"), Frame(f"m{number * 7919}:f{number * 104729}")], (1, 2, 3))
    return builder.build(Header(token=token, process_cpu_ns=5, start_ns=1, end_ns=2))


@pytest.mark.skipif(sys.platform == "win32", reason="folders are not taken over without locks")
@pytest.mark.parametrize("kind", [Strict, Encoding])
def test_corrupt_file_of_the_spool_holds_nobody_up_and_is_gone_afterwards(kind, tmp_path):
    left = DiskSpool(tmp_path, "g")
    left.add("corrupt", random.Random(1).randbytes(5000))
    left.add("cut", wire.encode(profile("cut"))[:-7])
    left.add("whole", wire.encode(profile("whole")))
    left.keep()
    left.close()
    channel = kind()
    ours = Delivery(channel, DiskSpool(tmp_path, "g"), sleep=lambda _: None)
    with pytest.raises(ReportError, match="dropped"):
        ours.report(profile("new"))
    assert {"whole", "new"} <= set(channel.tokens)
    assert not list(tmp_path.rglob("*.kibitz"))


def test_refused_profile_lets_the_others_go_in_the_same_report():
    channel = Strict(Answer(500), Answer(500), Answer(500), Answer(422))
    ours = Delivery(channel, sleep=lambda _: None)
    ours.report(profile("bad"))
    with pytest.raises(ReportError, match="422"):
        ours.report(profile("good"))
    assert channel.tokens == ["bad"] * 4 + ["good"]


def test_refusal_of_the_last_report_is_said_although_nobody_can_be_told(caplog):
    caplog.set_level(logging.WARNING, "kibitz")
    channel = Strict(Answer(500), Answer(500), Answer(500), Answer(422))
    ours = Delivery(channel, sleep=lambda _: None)
    ours.report(profile("bad"))
    ours.close(5)
    assert ["422" in line for line in caplog.messages] == [False, True]


def test_foreign_collector_is_not_sent_what_is_no_profile():
    class Line:
        posted = 0

        def post(self, *_: object) -> Answer:
            self.posted += 1
            return Answer(200)

    line = Line()
    with pytest.raises(wire.WireError):
        PyroscopeChannel("http://h", line).deliver("t", b"no profile", 5)
    assert line.posted == 0


def test_halves_add_up_and_tell_costs_once():
    whole = profile("t", functions=6000)
    body = wire.encode(whole)
    assert len(body) > SMALLEST_BYTES
    parts = [(token, wire.decode(part)) for token, part in halves(body)]
    assert sum(part.total() for _, part in parts) == whole.total()
    assert sum(part.header.process_cpu_ns for _, part in parts) == 5
    assert all(part.header.token == token for token, part in parts)
    assert [token for token, _ in parts] == [token for token, _ in halves(body)], "the same when split again"
    assert max(len(wire.encode(part)) for _, part in parts) < 0.7 * len(body)


@pytest.mark.parametrize("body", [b"", b"small", bytes(100_000)])
def test_what_is_small_or_no_profile_is_not_split(body):
    assert halves(body) == []
