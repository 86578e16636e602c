"""What is to be reviewed, on disk: one row per pull request, however many events speak of it, and what was delivered before."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from kibitz_reviewer.webhooks.events import Job

MAX_ATTEMPTS = 3
REMEMBERED_S = 30 * 86_400.0
MAX_ERROR = 2_000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS deliveries (name TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS jobs (
  key TEXT PRIMARY KEY, forge TEXT NOT NULL, repository TEXT NOT NULL, number INTEGER NOT NULL, installation INTEGER NOT NULL,
  state TEXT NOT NULL, version INTEGER NOT NULL, attempts INTEGER NOT NULL, due REAL NOT NULL, error TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS due_jobs ON jobs (state, due);
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """A job in hand. ``version`` grows with every event, so that a review can see that it is out of date."""

    job: Job
    version: int
    attempts: int


class Queue:
    """A queue in the SQLite file at ``path``. What was running when the process ended is due again."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._file = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
        self._file.execute("PRAGMA journal_mode=WAL")
        self._file.execute("PRAGMA synchronous=FULL")
        self._file.executescript(_SCHEMA)
        self._file.execute("UPDATE jobs SET state = 'due' WHERE state = 'running'")

    def put(self, delivery: Iterable[str], jobs: Iterable[Job]) -> bool:
        """Keep ``jobs`` of one delivery, durably; False if one of the delivery's names was seen before."""
        now = self._clock()
        with self._lock, self._transaction():
            self._file.execute("DELETE FROM deliveries WHERE at < ?", (now - REMEMBERED_S,))
            for name in delivery:
                seen = self._file.execute("INSERT OR IGNORE INTO deliveries VALUES (?, ?)", (name, now))
                if not seen.rowcount:
                    self._file.execute("ROLLBACK")
                    return False
            for job in jobs:
                self._file.execute(
                    "INSERT INTO jobs VALUES (?, ?, ?, ?, ?, 'due', 1, 0, ?, '') ON CONFLICT (key) DO UPDATE SET version = version + 1, "
                    "attempts = 0, due = excluded.due, installation = excluded.installation, "
                    "state = CASE state WHEN 'running' THEN 'running' ELSE 'due' END",
                    (job.key, job.forge, job.repository, job.number, job.installation, now),
                )
        return True

    def take(self) -> Taken | None:
        """The job that has waited longest, now in hand; None if none is due."""
        with self._lock, self._transaction():
            row = self._file.execute(
                "SELECT forge, repository, number, installation, version, attempts, key FROM jobs "
                "WHERE state = 'due' AND due <= ? ORDER BY due LIMIT 1",
                (self._clock(),),
            ).fetchone()
            if row is None:
                return None
            self._file.execute(
                "UPDATE jobs SET state = 'running', attempts = attempts + 1 WHERE key = ?", (row[6],)
            )
            return Taken(Job(*row[:4]), row[4], row[5] + 1)

    def is_current(self, taken: Taken) -> bool:
        """Whether nothing was pushed since ``taken`` was taken."""
        with self._lock:
            row = self._file.execute("SELECT version FROM jobs WHERE key = ?", (taken.job.key,)).fetchone()
        return row is not None and row[0] == taken.version

    def finish(self, taken: Taken, error: str = "") -> None:
        """Put a job away: done; or due again if something came meanwhile, or (later and later) after an ``error``."""
        with self._lock, self._transaction():
            row = self._file.execute("SELECT version FROM jobs WHERE key = ?", (taken.job.key,)).fetchone()
            again = row is not None and row[0] != taken.version
            retry = bool(error) and taken.attempts < MAX_ATTEMPTS
            state = "due" if again or retry else "failed" if error else "done"
            pause = 0.0 if again else 30.0 * 4.0**taken.attempts if retry else 0.0
            self._file.execute(
                "UPDATE jobs SET state = ?, due = ?, error = ? WHERE key = ?",
                (state, self._clock() + pause, error[:MAX_ERROR], taken.job.key),
            )

    def give_back(self, taken: Taken) -> None:
        """A job that was interrupted through no fault of its own is due at once."""
        with self._lock:
            self._file.execute(
                "UPDATE jobs SET state = 'due', attempts = attempts - 1 WHERE key = ?", (taken.job.key,)
            )

    def states(self) -> dict[str, str]:
        """Each job's state by its key: due, running, done, failed."""
        with self._lock:
            return dict(self._file.execute("SELECT key, state FROM jobs"))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()

    def _transaction(self) -> _Transaction:
        return _Transaction(self._file)


class _Transaction:
    """BEGIN IMMEDIATE, then COMMIT, or ROLLBACK on an exception; a transaction rolled back inside stays so."""

    def __init__(self, file: sqlite3.Connection) -> None:
        self._file = file

    def __enter__(self) -> None:
        self._file.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *rest: object) -> None:
        if self._file.in_transaction:
            self._file.execute("COMMIT" if kind is None else "ROLLBACK")


def states_of(path: Path) -> dict[str, str]:
    """The states in the queue file at ``path``, for whoever looks from outside."""
    with closing(sqlite3.connect(path, timeout=30)) as file:
        return dict(file.execute("SELECT key, state FROM jobs"))
