"""What every stand-in needs: real HTTP on a free port, a memory of requests, faults on demand."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, Any]


@dataclass
class Fault:
    """Answer the next matching request with ``status``; ``happens``: carry it out first, so that only the answer is lost."""

    method: str
    path: str
    status: int
    body: Any = field(default_factory=lambda: {"message": "fault"})
    happens: bool = False


class StandIn:
    """A server whose ``act(method, path, query, headers, body)`` answers; one request at a time."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, Any]] = []
        self.faults: list[Fault] = []
        self.before_write: Callable[[], None] | None = None
        self._lock = threading.Lock()

    def act(self, method: str, path: str, query: str, headers: dict[str, str], body: Any) -> Answer:
        raise NotImplementedError

    def answer(self, method: str, target: str, headers: dict[str, str], raw: bytes) -> Answer:
        path, _, query = target.partition("?")
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            body = raw.decode("utf-8", "replace")
        self.requests.append((method, target, body))
        fault = next((f for f in self.faults if f.method == method and re.search(f.path, path)), None)
        if fault is not None:
            self.faults.remove(fault)
            if fault.happens:
                self.act(method, path, query, headers, body)
            return fault.status, fault.body
        return self.act(method, path, query, headers, body)

    def speaks(self, method: str, target: str, headers: dict[str, str]) -> bool:
        """Whether a request writes something that people read."""
        return method != "GET"

    @property
    def writes(self) -> list[tuple[str, str]]:
        """Method and path of everything that was not a read."""
        return [(method, target) for method, target, _ in self.requests if method != "GET"]

    def __enter__(self) -> Any:
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def _any(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = dict(self.headers)
                if stand_in.before_write is not None and stand_in.speaks(self.command, self.path, headers):
                    stand_in.before_write()
                with stand_in._lock:
                    status, answer = stand_in.answer(self.command, self.path, headers, raw)
                kind = "text/xml" if isinstance(answer, str) else "application/json"
                payload = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
                payload = b"" if status == 204 else payload
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _any  # noqa: N815

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._serving = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._serving.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._serving.join()
        self._server.server_close()
