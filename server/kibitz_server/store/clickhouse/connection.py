"""The way to ClickHouse: a server by its address, or the same engine in this process (chDB) for tests and trials."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

from kibitz_server.store import StoreError

_TIMEOUT_S = 60
SCHEMES = ("clickhouse", "clickhouses", "chdb")


class Connection:
    """Statements and blocks of columns, from any thread. Everything that goes wrong is a `StoreError`."""

    def __init__(self, address: str) -> None:
        """``clickhouse://user:password@host:8123/database``, ``clickhouses://`` by TLS, ``chdb:///folder/database``."""
        try:
            import clickhouse_connect
        except ImportError as error:
            raise StoreError("ClickHouse needs its client: pip install 'kibitz[clickhouse]'") from error
        parts = urlsplit(address)
        folder, _, name = unquote(parts.path).rpartition("/")
        if not name.isidentifier() or parts.scheme not in SCHEMES:
            raise StoreError(
                f"not the address of a database: {address[:80]}: expected clickhouse://host/database"
            )
        options: dict[str, Any] = {}
        if parts.scheme == "chdb":
            options["dsn"] = f"chdb://{folder}"
        else:
            secure = parts.scheme == "clickhouses"
            options |= {
                "host": parts.hostname or "127.0.0.1",
                "port": parts.port or (8443 if secure else 8123),
                "username": unquote(parts.username or "default"),
                "password": unquote(parts.password or ""),
                "secure": secure,
                "autogenerate_session_id": False,  # a session is for one thread at a time
                "connect_timeout": 10,
                "send_receive_timeout": _TIMEOUT_S,
            }
        # The engine in this process does one thing at a time; a server takes as many as come.
        self._one = threading.RLock() if parts.scheme == "chdb" else None
        with self._used():
            first = clickhouse_connect.get_client(**options)
            first.command(f"CREATE DATABASE IF NOT EXISTS {name}")
            first.close()
            self._client: Any = clickhouse_connect.get_client(**options, database=name)

    def run(self, statement: str) -> None:
        """Carry a statement out."""
        with self._used():
            self._client.command(statement)

    def rows(
        self, query: str, columns: Sequence[str], parameters: Mapping[str, Any] | None = None
    ) -> list[np.ndarray]:
        """The columns of what a query finds, by name."""
        with self._used():
            found = self._client.query_np(query, parameters=dict(parameters or {}))
        if not len(found):
            return [np.empty(0, np.int64) for _ in columns]
        if found.dtype.names is None:  # all columns of one type come as a table
            return [found[:, index] for index in range(len(columns))]
        return [found[name] for name in columns]

    def insert(self, table: str, columns: Mapping[str, Sequence[Any]], token: str = "") -> None:
        """Insert one block; a second one of the same ``token`` changes nothing."""
        settings = {"insert_deduplication_token": token} if token else {}
        if token:
            settings["deduplicate_blocks_in_dependent_materialized_views"] = "1"
        with self._used():
            self._client.insert(
                table,
                list(columns.values()),
                column_names=list(columns),
                column_oriented=True,
                settings=settings,
            )

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    @contextmanager
    def _used(self) -> Iterator[None]:
        from clickhouse_connect.driver.exceptions import ClickHouseError

        if self._one is not None:
            self._one.acquire()
        try:
            yield
        except (ClickHouseError, OSError) as error:
            said = str(error).strip().splitlines()
            raise StoreError(
                f"ClickHouse cannot be used: {said[-1][:300] if said else type(error).__name__}"
            ) from error
        finally:
            if self._one is not None:
                self._one.release()


def beside(address: str) -> tuple[str, str]:
    """An address without its ``?with=URL``, and that URL ("" if there is none): where all but samples is kept."""
    plain, _, query = address.partition("?")
    return plain, parse_qs(query).get("with", [""])[0]
