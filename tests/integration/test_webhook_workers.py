"""What one review on a webhook's call may take: memory, time, secrets; and that a newer push ends an older review."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from kibitz_reviewer.webhooks import workers
from kibitz_reviewer.webhooks.events import Job
from kibitz_reviewer.webhooks.queue import Queue
from kibitz_reviewer.webhooks.workers import Workers

DEADLINE_S = 120.0
JOB = Job("github", "o/r", 7)


class SilentForge:
    """Takes every connection and never answers; ``asked`` counts them."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.asked = 0
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._take, daemon=True)
        self._thread.start()

    def _take(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            self.asked += 1

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for connection in self._open:
            connection.close()


@pytest.fixture
def forge() -> Iterator[SilentForge]:
    made = SilentForge()
    yield made
    made.close()


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    made = Queue(tmp_path / "queue.sqlite")
    yield made
    made.close()


@pytest.fixture
def crew(tmp_path: Path, queue: Queue, forge: SilentForge) -> Iterator[Workers]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("GITHUB_", "KIBITZ_"))}
    environ = {
        **clean,
        "no_proxy": "127.0.0.1",
        "KIBITZ_GITHUB_API_URL": forge.url,
        "KIBITZ_GITHUB_TOKEN": "t",
    }
    made = Workers(queue, tmp_path, environ)
    made.start()
    yield made
    made.stop()


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def reviewing() -> list[int]:
    """The processes that review, started by ours."""
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            if any("webhooks.job" in word for word in child.cmdline()):
                found.append(child.pid)
    return found


def test_a_newer_push_ends_the_review_of_the_older_one(
    queue: Queue, crew: Workers, forge: SilentForge
) -> None:
    assert queue.put(["one"], [JOB])
    crew.wake()
    until(lambda: forge.asked == 1)
    (first,) = reviewing()
    assert queue.put(["two"], [JOB])
    crew.wake()
    until(lambda: forge.asked == 2)
    assert first not in reviewing()
    assert queue.states() == {"github:o/r#7": "running"}


def test_a_review_that_takes_too_long_is_ended_and_tried_again_later(
    queue: Queue,
    crew: Workers,
    forge: SilentForge,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(workers, "TIME_S", 1.0)
    assert queue.put(["one"], [JOB])
    crew.wake()
    until(lambda: "took more than 1 s" in caplog.text)
    until(lambda: queue.states() == {"github:o/r#7": "due"})
    assert forge.asked >= 1


def test_stopping_leaves_the_work_for_the_next_time(
    tmp_path: Path, queue: Queue, crew: Workers, forge: SilentForge
) -> None:
    assert queue.put(["one"], [JOB])
    crew.wake()
    until(lambda: forge.asked == 1)
    crew.stop()
    assert queue.states() == {"github:o/r#7": "due"}
    assert reviewing() == []


def test_a_review_gets_no_more_memory_than_its_share() -> None:
    code = (
        "from kibitz_reviewer.webhooks import job\n"
        "job.MEMORY_BYTES = 600_000_000\n"
        "job.limit_ourselves()\n"
        "try:\n    bytearray(1_000_000_000)\nexcept MemoryError:\n    print('refused')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.stdout == "refused\n", done.stderr
