"""What people think of each rule's comments, over all pull requests: a rule that is often waved away goes to the summary.

Kept in the SQLite file that ``KIBITZ_FEEDBACK_FILE`` names; the webhook server has one, CI may keep one between its jobs.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

LEAST_SAID = 20
MOST_REJECTED = 0.3
_SCHEMA = "CREATE TABLE IF NOT EXISTS comments (mark TEXT PRIMARY KEY, rule TEXT NOT NULL, rejected INTEGER NOT NULL) WITHOUT ROWID"


class Feedback:
    """One row for each finding that was said inline. Raises ``OSError`` if the file cannot be used."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._do([(_SCHEMA, ())])

    def record(self, said: Iterable[tuple[str, str]], rejected: Iterable[tuple[str, str]]) -> None:
        """Remember findings (fingerprint and rule) that were said, and those of them that were waved away."""
        first = "INSERT OR IGNORE INTO comments VALUES (?, ?, 0)"
        then = "INSERT INTO comments VALUES (?, ?, 1) ON CONFLICT (mark) DO UPDATE SET rejected = 1"
        self._do([*((first, one) for one in said), *((then, one) for one in rejected)])

    def demoted(self) -> dict[str, str]:
        """The rules that people reject, each with how often."""
        query = "SELECT rule, count(*), sum(rejected) FROM comments GROUP BY rule ORDER BY rule"
        with self._opened() as file:
            rows = file.execute(query).fetchall()
        return {
            rule: f"{rejected} of {count} comments were rejected"
            for rule, count, rejected in rows
            if count >= LEAST_SAID and rejected > MOST_REJECTED * count
        }

    def _do(self, work: list[tuple[str, tuple[str, ...]]]) -> None:
        with self._opened() as file, file:
            for statement, given in work:
                file.execute(statement, given)

    def _opened(self) -> closing[sqlite3.Connection]:
        try:
            return closing(sqlite3.connect(self._path, timeout=30))
        except sqlite3.Error as error:
            raise OSError(f"{self._path}: {error}") from None
