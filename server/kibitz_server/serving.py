"""Serves the application with waitress until told to stop, then lets requests under way finish."""

from __future__ import annotations

import errno
import socket
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from waitress.server import create_server

from kibitz_server import logs, memory, mounts, reviews, workers
from kibitz_server.app import MAX_REQUEST_BYTES, create_app
from kibitz_server.auth.tokens import Token, Tokens, read_key
from kibitz_server.balance import Balance, Turns
from kibitz_server.channels.delivery import Announcer
from kibitz_server.config import STORE_FILE, Config, ConfigError
from kibitz_server.drain import drain
from kibitz_server.jobs import Jobs
from kibitz_server.metrics import Metrics
from kibitz_server.stop_signal import StopSignal
from kibitz_server.store import maintenance
from kibitz_server.store.clickhouse.store import ClickHouseStore
from kibitz_server.store.opening import open_store
from kibitz_server.store.sql import SqlStore

_BACKLOG = 512
_DRAIN_S = 20
# A batch of reports arrives in a dozen pieces, not in a hundred, and needs no file to wait in.
_RECV_BYTES = 1 << 16
_BODY_IN_MEMORY_BYTES = 1 << 20


def serve(config: Config) -> int:
    """Run a collector until it is asked to end. The address is printed once it listens."""
    logs.configure(config.log_form)
    memory.share_heap()
    with maintenance.in_use(_data_dir(config)), closing(_listen(config)) as listener:
        # Brought up to date before anybody is let in, and what is wrong is said before there are processes.
        _open(config).close()
        reviews.end_interrupted(config.data)
        if config.workers == 1:
            return _serve(config, listener, 0)
        with tempfile.TemporaryDirectory(prefix="kibitz-metrics-") as folder:
            together = Together(Path(folder), Balance(config.workers))
            return workers.supervise(
                config.workers,
                lambda number: _serve(config, listener, number, together),
                begun=lambda: _announce(config, listener),
            )


@dataclass(frozen=True, slots=True)
class Together:
    """What several processes share: the folder in which they keep their counts, and what each has to do."""

    folder: Path
    balance: Balance


def _serve(config: Config, listener: socket.socket, number: int, together: Together | None = None) -> int:
    """Be one of the collector's processes, or the only one."""
    with (
        closing(StopSignal()) as stop,
        closing(_open(config)) as store,
        closing(reviews.opened(config.data)) as asked,
        closing(Metrics(together.folder if together else None, number)) as metrics,
    ):
        mounted = mounts.opened(config.data) if config.workers == 1 else {}
        app = create_app(store, config, Tokens(store.engine, read_key(config.data)), mounted, asked, metrics)
        server = create_server(
            app,
            map=stop.map,
            sockets=[listener],
            threads=config.threads,
            max_request_body_size=MAX_REQUEST_BYTES,
            recv_bytes=_RECV_BYTES,
            inbuf_overflow=_BODY_IN_MEMORY_BYTES,
            ident="kibitz",
            clear_untrusted_proxy_headers=True,
        )
        jobs = Jobs(store, config.detection_interval_s)
        announcer = Announcer(store)
        if number == 0:
            jobs.start()
            announcer.start()
        pauses = [] if together is None else [Turns(server, together.balance, number).pause_s]
        if together is None:
            _announce(config, listener)
        try:
            stop.loop(*pauses)
            if number == 0:
                sys.stderr.write("kibitz serve: stopping\n")
        finally:
            drain(server, stop.map, _DRAIN_S)
            server.task_dispatcher.shutdown(cancel_pending=False, timeout=_DRAIN_S)
            server.close()
            jobs.stop()
            announcer.stop()
            for mount in mounted.values():
                mount.close()
    return 0


def _announce(config: Config, listener: socket.socket) -> None:
    host = f"[{config.host}]" if ":" in config.host else config.host
    # The one line on standard output: scripts wait for it and read the address from it.
    print(f"Kibitz collector listening on http://{host}:{listener.getsockname()[1]}", flush=True)


def _open(config: Config) -> SqlStore | ClickHouseStore:
    file = str(config.data / STORE_FILE)
    return open_store(config.store or file, config.retention, beside=file)


def _listen(config: Config) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((config.host, config.port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise ConfigError(
                f"port {config.port} is taken: choose another with --port (0: any free one)"
            ) from error
        raise ConfigError(f"cannot listen on {config.host}:{config.port}: {error.strerror}") from error
    return listener


def tokens_of(data: Path, address: str) -> Sequence[Token]:
    """The tokens of the store that a collector would use; none where there is no store yet."""
    path = data / STORE_FILE
    if not address and not path.is_file():
        return []
    with closing(open_store(address or str(path), beside=str(path))) as store:
        return Tokens(store.engine, b"").list()


def _data_dir(config: Config) -> Path:
    try:
        config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot use {config.data} as data directory: {error.strerror}") from error
    return config.data
