"""JSON documents by kind and id in one SQLite file."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

Document = dict[str, Any]
_SCHEMA = "CREATE TABLE IF NOT EXISTS documents (kind TEXT, id TEXT, body TEXT NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID"


class Documents:
    """Every change is one transaction, on disk before the call returns."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._file = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
        self._file.execute("PRAGMA journal_mode=WAL")
        self._file.execute(_SCHEMA)

    def get(self, kind: str, name: str) -> Document | None:
        """The document, None if there is none."""
        with self._lock:
            return self._get(kind, name)

    def all(self, kind: str) -> list[Document]:
        """Every document of a kind, by id."""
        with self._lock:
            rows = self._file.execute(
                "SELECT body FROM documents WHERE kind = ? ORDER BY id", (kind,)
            ).fetchall()
        return [json.loads(body) for (body,) in rows]

    def add(self, kind: str, name: str, body: Document) -> bool:
        """Keep a new document; False if there is one of that id."""
        with self._lock:
            row = (kind, name, json.dumps(body))
            return self._file.execute("INSERT OR IGNORE INTO documents VALUES (?, ?, ?)", row).rowcount > 0

    def change(self, kind: str, name: str, change: Callable[[Document], Document]) -> Document | None:
        """Replace a document by what ``change`` makes of it; the new one, None if there is none."""
        with self._lock:
            self._file.execute(
                "BEGIN IMMEDIATE"
            )  # another of the collector's processes may want to change it too
            with self._file:
                before = self._get(kind, name)
                if before is None:
                    return None
                after = change(before)
                row = (json.dumps(after), kind, name)
                self._file.execute("UPDATE documents SET body = ? WHERE kind = ? AND id = ?", row)
                return after

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()

    def _get(self, kind: str, name: str) -> Document | None:
        query = "SELECT body FROM documents WHERE kind = ? AND id = ?"
        row = self._file.execute(query, (kind, name)).fetchone()
        return None if row is None else json.loads(row[0])
