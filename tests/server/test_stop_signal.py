"""A signal that asks the collector to end is never lost, wherever it strikes."""

from __future__ import annotations

import os
import signal
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing

import pytest
from waitress.server import create_server

from kibitz_server.stop_signal import StopSignal


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    yield
    for one, handler in before.items():
        signal.signal(one, handler)


class Ended:
    """Asks the process to end while it is finalised, where Python ignores every exception."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.01)


def test_one_that_strikes_in_a_finalizer_before_the_loop_ends_it():
    with closing(StopSignal()) as stop:
        del (one := [Ended()])[:]
        assert one == []
        stop.loop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_that_comes_while_serving_ends_the_loop_and_requests_under_way_are_answered(number):
    begun, answered = threading.Event(), threading.Event()

    def application(environ, start_response):
        begun.set()
        time.sleep(0.5)
        start_response("200 OK", [])
        answered.set()
        return [b""]

    with closing(StopSignal()) as stop:
        server = create_server(application, map=stop.map, listen="127.0.0.1:0", threads=1)

        def ask():
            with urllib.request.urlopen(f"http://127.0.0.1:{server.effective_port}/", timeout=240) as answer:
                answer.read()

        def interrupt():
            begun.wait(120)
            os.kill(os.getpid(), number)

        threads = [threading.Thread(target=ask), threading.Thread(target=interrupt)]
        for thread in threads:
            thread.start()
        stop.loop()
        assert begun.is_set()
        server.task_dispatcher.shutdown(cancel_pending=False, timeout=240)
        assert answered.is_set()
        server.close()
        for thread in threads:
            thread.join(120)


def test_after_the_loop_another_sigterm_changes_nothing():
    with closing(StopSignal()) as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        stop.loop()
        os.kill(os.getpid(), signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
