"""The threads that take jobs from the queue and give each a process of its own, with an end to its time."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from kibitz_reviewer.forges import ForgeError
from kibitz_reviewer.webhooks.clones import folder_of, prune
from kibitz_reviewer.webhooks.queue import Queue, Taken
from kibitz_reviewer.webhooks.tokens import environment_for

log = logging.getLogger("kibitz.webhooks")

TIME_S = 1_800.0
LOOK_S = 0.5
IDLE_S = 15.0
REPORTS = "done"
"""The folder, beside the clones, in which reviews leave what they found for the collector's pages."""


class Workers:
    """``KIBITZ_REVIEW_WORKERS`` threads over ``queue``; repositories are kept in ``folder``."""

    def __init__(self, queue: Queue, folder: Path, environ: Mapping[str, str]) -> None:
        self._queue, self._folder, self._environ = queue, folder, environ
        count = environ.get("KIBITZ_REVIEW_WORKERS", "2")
        number = min(int(count), 64) if count.isdecimal() else 2
        self._work, self._stopping = threading.Condition(), threading.Event()
        self._threads = [
            threading.Thread(target=self._run, name=f"kibitz-review-{n}", daemon=True)
            for n in range(max(1, number))
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Look at the queue now."""
        with self._work:
            self._work.notify_all()

    def stop(self) -> None:
        """End the reviews under way; they are due again when the queue is opened next."""
        self._stopping.set()
        self.wake()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                taken = self._queue.take()
            except Exception:
                log.exception("the queue of reviews cannot be read")
                taken = None
            if taken is None:
                with self._work:
                    self._work.wait(IDLE_S if not self._stopping.is_set() else 0)
                continue
            self._review(taken)

    def _review(self, taken: Taken) -> None:
        try:
            error = self._reviewed(taken)
        except (ForgeError, OSError) as failure:
            error = str(failure)
        except Exception as failure:
            log.exception("reviewing %s failed", taken.job.key)
            error = type(failure).__name__
        if self._stopping.is_set():
            self._queue.give_back(taken)
            return
        if error:
            log.warning("%s, attempt %d: %s", taken.job.key, taken.attempts, error)
        self._queue.finish(taken, error)

    def _reviewed(self, taken: Taken) -> str:
        """Run one review; what went wrong, "" if nothing did or if a newer push made it pointless."""
        job = taken.job
        folder = folder_of(self._folder, job)
        environ = environment_for(job, self._environ)
        environ["PYTHONSAFEPATH"] = "1"
        environ["KIBITZ_REVIEWS"] = str(self._folder / REPORTS)
        environ["KIBITZ_FEEDBACK_FILE"] = str(self._folder / "feedback.sqlite")
        command = [sys.executable, "-P", "-m", "kibitz_reviewer.webhooks.job"]
        command += [job.forge, job.repository, str(job.number), str(folder)]
        prune(self._folder, in_use=len(self._threads))
        with subprocess.Popen(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            reader = _Tail(process)
            ended = self._waited(process, taken)
            said = reader.text()
        if ended:
            return "" if ended == "superseded" else ended
        return "" if process.returncode == 0 else f"exit status {process.returncode}: {said}"

    def _waited(self, process: subprocess.Popen[bytes], taken: Taken) -> str:
        """Wait for ``process``; why it had to be ended, "" if it ended by itself."""
        left = TIME_S
        while left > 0:
            with suppress(subprocess.TimeoutExpired):
                process.wait(LOOK_S)
                return ""
            left -= LOOK_S
            if self._stopping.is_set() or not self._queue.is_current(taken):
                _end(process)
                return "superseded"
        _end(process)
        return f"took more than {TIME_S:.0f} s"


class _Tail:
    """Keeps the last of what a process says, so that it can never block on a full pipe."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process, self._kept = process, b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        stream = self._process.stderr
        while stream is not None and (piece := os.read(stream.fileno(), 65536)):
            self._kept = (self._kept + piece)[-4000:]

    def text(self) -> str:
        """What was said last."""
        self._thread.join(10)
        return self._kept.decode("utf-8", "replace").strip()


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process with all its children."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
