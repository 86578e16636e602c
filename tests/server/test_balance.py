"""New connections go to the process with the least to do."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from kibitz_server.balance import HELD_BACK_S, LOOP_S, Balance, Turns, busy


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Channel:
    """A connection as waitress holds it."""

    requests: list[str] = field(default_factory=list)
    last_activity: float = 0.0


class Server:
    """What of a waitress server is asked."""

    def __init__(self, *, ready: bool = True) -> None:
        self.ready = ready
        self.active_channels: dict[int, Channel] = {}

    def readable(self) -> bool:
        return self.ready


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_the_one_with_less_to_do_takes_the_next_and_equals_both_look(clock):
    balance = Balance(2, clock)
    assert balance.takes(0, 3)  # the other has not said anything yet
    assert balance.takes(1, 2)
    assert not balance.takes(0, 3)
    assert balance.takes(1, 3)
    assert balance.takes(0, 3)


def test_one_that_is_held_up_keeps_nobody_waiting(clock):
    balance = Balance(2, clock)
    balance.takes(1, 0)
    assert not balance.takes(0, 1)
    clock.now += 3.5
    assert balance.takes(0, 1)


def working(count: int) -> dict[int, Any]:
    return {number: Channel(["request"]) for number in range(count)}


def test_a_server_that_is_held_back_looks_again_soon(clock):
    balance = Balance(2, clock)
    servers = [Server(), Server()]
    turns = [Turns(server, balance, number) for number, server in enumerate(servers)]
    servers[0].active_channels = working(2)
    assert servers[1].readable()
    assert not servers[0].readable()
    assert [one.pause_s() for one in turns] == [HELD_BACK_S, LOOP_S]
    servers[1].active_channels = working(3)
    assert not servers[1].readable()
    assert servers[0].readable()
    assert turns[0].pause_s() == LOOP_S


def test_one_that_is_full_leaves_new_ones_to_the_others(clock):
    balance = Balance(2, clock)
    full, other = Server(ready=False), Server()
    full_turns = Turns(full, balance, 0)
    Turns(other, balance, 1)
    other.active_channels = working(9)
    assert not full.readable()
    assert full_turns.pause_s() == LOOP_S
    assert other.readable()


def test_idle_connections_are_no_work():
    now = time.time()
    channels = [Channel(last_activity=now - 60), Channel(["request"]), Channel(last_activity=now - 0.1)]
    assert busy(channels, now) == 2
