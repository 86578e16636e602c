"""Threads that pause for a fork and go on."""

from __future__ import annotations

import threading

from kibitz_agent.sampler import OWN_THREADS
from kibitz_agent.worker import Worker


def test_body_that_paused_goes_on_under_the_same_name():
    ran = []
    worker = Worker("x", lambda: ran.append(threading.current_thread().name))
    worker.start()
    worker.join(30)
    worker.go_on()
    worker.join(30)
    assert ran == [f"{OWN_THREADS}x"] * 2
    assert not worker.is_alive()


def test_thread_that_is_late_to_pause_is_followed_and_never_doubled():
    release, inside, most = threading.Event(), [], []

    def body():
        inside.append(1)
        most.append(len(inside))
        release.wait(30)
        inside.pop()

    worker = Worker("x", body)
    worker.start()
    worker.go_on()
    assert worker.is_alive()
    release.set()
    worker.join(30)
    assert most == [1, 1]
