"""The line between the command and the agent it put into a process."""

from __future__ import annotations

import os
import socket
import struct
import sys
import threading

import pytest

from kibitz_agent.attach import channel

if not sys.platform.startswith("linux"):
    pytest.skip("the line is a Linux Unix socket", allow_module_level=True)


@pytest.fixture
def pair():
    one, other = socket.socketpair(socket.AF_UNIX)
    with one, other:
        one.settimeout(5)
        other.settimeout(5)
        yield one, other


@pytest.fixture
def listener():
    made = channel.Listener(os.getuid(), os.getgid())
    yield made
    made.close()


def call(listener, *messages):
    line = socket.socket(socket.AF_UNIX)
    line.connect(str(listener.path))
    for kind, body in messages:
        channel.send(line, kind, body)
    return line


def test_messages_arrive_whole_and_in_order(pair):
    one, other = pair
    body = os.urandom(300_000)
    sender = threading.Thread(
        target=lambda: [channel.send(one, channel.PROFILE, body), channel.send(one, channel.GOODBYE)]
    )
    sender.start()
    assert channel.receive(other) == (channel.PROFILE, body)
    assert channel.receive(other) == (channel.GOODBYE, b"")
    sender.join()


@pytest.mark.parametrize("cut", [0, 3, 5, 9])
def test_stream_that_ends_in_the_middle_is_an_end(pair, cut):
    one, other = pair
    one.sendall(struct.pack("<cI", channel.PROFILE, 100)[: min(cut, 5)] + bytes(max(0, cut - 5)))
    one.shutdown(socket.SHUT_WR)
    assert channel.receive(other) is None


def test_message_of_absurd_size_is_refused_before_it_is_read(pair):
    one, other = pair
    one.sendall(struct.pack("<cI", channel.PROFILE, 1 << 31))
    with pytest.raises(ValueError, match="at most"):
        channel.receive(other)


def test_caller_is_known_by_the_kernels_word(listener):
    with call(listener, (channel.ARRIVED, b""), (channel.HELLO, b'{"pid": 1}')):
        assert listener.wait_for(os.getpid(), 5)
        assert listener.hello(os.getpid(), 5) == {"pid": 1}
        assert list(listener.connections) == [os.getpid()]


def test_second_call_of_one_process_is_hung_up_on(listener):
    with call(listener, (channel.ARRIVED, b"")), call(listener, (channel.ARRIVED, b"")) as second:
        assert listener.wait_for(os.getpid(), 5)
        listener.accept_waiting()
        second.settimeout(5)
        assert second.recv(1) == b""
        assert len(listener.connections) == 1


def test_caller_that_says_something_else_is_not_taken_for_an_agent(listener):
    with call(listener, (channel.HELLO, b"{}")):
        assert not listener.wait_for(os.getpid(), 0.3)


@pytest.mark.parametrize("body", [b"[]", b"{", b"\xff"])
def test_hello_that_is_no_object_is_an_error(listener, body):
    with call(listener, (channel.ARRIVED, b""), (channel.HELLO, body)):
        assert listener.wait_for(os.getpid(), 5)
        with pytest.raises((ValueError, TypeError)):
            listener.hello(os.getpid(), 5)


def test_only_the_owner_may_enter_its_directory_and_it_is_gone_afterwards():
    made = channel.Listener(os.getuid(), os.getgid())
    assert made.directory.stat().st_mode & 0o077 == 0
    made.close()
    assert not made.directory.exists()
