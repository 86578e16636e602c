"""Which hosts a web channel reaches, and for how long at most."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from kibitz_server.channels import ChannelError, created, message
from kibitz_server.channels.reach import Web, is_public
from kibitz_server.channels.webhook import Webhook

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.1.1", "::1", "fe80::1%eth0", "fd00::1", "0.0.0.0",
     "224.0.0.1", "::ffff:127.0.0.1", "100.64.0.1"],
)  # fmt: skip
def test_addresses_that_are_not_public_are_told_apart(address: str) -> None:
    assert not is_public(address)
    assert is_public("93.184.216.34")
    assert is_public("2606:2800:220:1::1")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0x7f.1", "2130706433"])
def test_the_collectors_own_machine_is_not_reached(hooks: Any, host: str) -> None:
    uri = hooks.address.replace("127.0.0.1", host)
    with pytest.raises(ChannelError):
        Webhook(Web(frozenset())).send(created("webhook", uri), message.of_test("shop", "1", NOW))
    assert hooks.requests == []


class Slow:
    """A web server that answers a byte at a time and never ends, or not at all."""

    def __init__(self, drips: bytes) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._drips, self._stop = drips, threading.Event()
        self.cut = threading.Event()
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            connection.settimeout(60)
            connection.recv(65536)
            try:
                while not self._stop.wait(0.02):
                    connection.sendall(self._drips or b"")
                    if not self._drips and not connection.recv(65536):
                        raise ConnectionResetError
            except OSError:
                self.cut.set()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(120)
        self._listener.close()


@pytest.mark.parametrize("drips", [b"", b"X-Slow: 1\r\n", b"H"])
def test_a_host_that_answers_for_ever_is_cut_off(drips: bytes) -> None:
    slow = Slow(drips)
    try:
        with pytest.raises(ChannelError):
            Web(frozenset({"127.0.0.1"}), timeout_s=0.5).post(slow.address, b"{}", {})
        assert slow.cut.wait(120)
    finally:
        slow.close()


def test_a_host_whose_answer_has_no_end_has_taken_the_message() -> None:
    slow = Slow(b"HTTP/1.1 200 OK\r\n\r\n")
    try:
        Web(frozenset({"127.0.0.1"}), timeout_s=0.5).post(slow.address, b"{}", {})
    finally:
        slow.close()
