"""A small JSON client for a forge's REST interface: retries what may be retried, obeys limits, never shows the token.

Standard library only: five operations do not need a package, and nothing here may follow a redirect to another host,
where the ``Authorization`` header has no business.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.client import HTTPException, HTTPMessage
from typing import IO, Any

from kibitz_reviewer.forges import ForgeError

PER_PAGE = 100
MAX_PAGES = 50
MAX_RESPONSE_BYTES = 32 * 1024 * 1024
_LIMIT_WORDS = ("secondary rate limit", "rate limit exceeded", "abuse detection")


class RefusedError(ForgeError):
    """The forge answered with an error status."""

    def __init__(self, status: int, message: str, details: str = "") -> None:
        super().__init__(f"{message} (HTTP {status}{': ' + details if details else ''})")
        self.status = status


class UnreachableError(ForgeError):
    """No usable answer: a write may or may not have happened."""


class _SameOrigin(urllib.request.HTTPRedirectHandler):
    """Follows a redirect of a read on the same origin; any other is left as the error it is."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        old, new = urllib.parse.urlsplit(req.full_url), urllib.parse.urlsplit(newurl)
        if req.get_method() == "GET" and (old.scheme, old.netloc) == (new.scheme, new.netloc):
            return super().redirect_request(req, fp, code, msg, headers, newurl)
        return None


@dataclass
class Rest:
    """Calls under ``base`` (no trailing slash) with ``headers``, which may hold secrets: ``secrets`` are cut from errors.

    A rate limit is waited for up to ``patience_s`` a call, then reported with the time to come back.
    """

    base: str
    headers: Mapping[str, str] = field(repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.time
    timeout_s: float = 30.0
    patience_s: float = 180.0
    attempts: int = 4
    pace_s: float = 1.0
    rehearsed: list[dict[str, object]] | None = None
    """A dry run's requests: a list here takes the writes instead of the forge."""
    _next_write: float = field(default=0.0, repr=False)

    def get(self, path: str) -> Any:
        """The JSON at ``path``; server errors and lost connections are tried again."""
        for attempt in range(1, self.attempts + 1):
            try:
                return self.call("GET", path)
            except (UnreachableError, RefusedError) as error:
                if attempt == self.attempts or (isinstance(error, RefusedError) and error.status < 500):
                    raise
                self.sleep(2.0**attempt)
        raise AssertionError("unreachable")

    def pages(self, path: str) -> Iterator[dict[str, Any]]:
        """Every object of a paged list."""
        joint = "&" if "?" in path else "?"
        for page in range(1, MAX_PAGES + 1):
            items = self.get(f"{path}{joint}per_page={PER_PAGE}&page={page}")
            if not isinstance(items, list):
                return
            yield from (item for item in items if isinstance(item, dict))
            if len(items) < PER_PAGE:
                return

    def call(self, method: str, path: str, body: object = None, *, url: str = "") -> Any:
        """One call, sent again only if a rate limit refused it; ``RefusedError`` and ``UnreachableError`` otherwise.

        Writes are ``pace_s`` apart, as forges ask of programs.
        """
        writes = _is_write(method, body)
        if writes and self.rehearsed is not None:
            self.rehearsed.append({"method": method, "url": url or self.base + path, "body": body})
            return {}
        if writes and self._next_write > self.clock():
            self.sleep(min(self.pace_s, self._next_write - self.clock()))
        answer = self._call(method, path, body, url)
        if writes:
            self._next_write = self.clock() + self.pace_s
        return answer

    def _call(self, method: str, path: str, body: object, url: str) -> Any:
        waited = 0.0
        for attempt in range(self.attempts):
            try:
                return self._send(method, url or self.base + path, body)
            except urllib.error.HTTPError as error:
                with error:
                    payload = error.read(65536)
                pause = self._limit_pause(error.code, error.headers, payload, attempt)
                if pause is None:
                    raise self._refused(error.code, payload) from None
                if waited + pause > self.patience_s or attempt == self.attempts - 1:
                    raise RefusedError(
                        error.code, f"the forge's rate limit is used up: try again in {pause:.0f} s"
                    ) from None
                waited += pause
                self.sleep(pause)
        raise AssertionError("unreachable")

    def _send(self, method: str, url: str, body: object) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {**self.headers, **({"Content-Type": "application/json"} if data is not None else {})}
        request = urllib.request.Request(url, data=data, headers=headers, method=method)
        try:
            with urllib.request.build_opener(_SameOrigin).open(request, timeout=self.timeout_s) as response:
                payload = response.read(MAX_RESPONSE_BYTES + 1)
        except urllib.error.HTTPError:
            raise
        except (OSError, HTTPException, ValueError) as error:
            raise UnreachableError(self.redacted(f"cannot reach {self._host(url)}: {error}")) from None
        if len(payload) > MAX_RESPONSE_BYTES:
            raise UnreachableError(f"{self._host(url)} answered with more than {MAX_RESPONSE_BYTES} bytes")
        try:
            return json.loads(payload or b"null")
        except (ValueError, RecursionError):
            raise UnreachableError(f"{self._host(url)} answered with something that is not JSON") from None

    def _limit_pause(self, status: int, headers: Message, payload: bytes, attempt: int) -> float | None:
        """Seconds to wait if this refusal is a rate limit, else None."""
        retry_after = (headers.get("Retry-After") or "").strip()
        said = payload.decode("utf-8", "replace").lower()
        spent = headers.get("X-RateLimit-Remaining") == "0"
        limited = status == 429 or (
            status == 403 and (bool(retry_after) or spent or any(words in said for words in _LIMIT_WORDS))
        )
        if not limited:
            return None
        if retry_after.isdigit():
            return float(retry_after)
        reset = (headers.get("X-RateLimit-Reset") or "").strip()
        if spent and reset.isdigit():
            return max(1.0, float(reset) - self.clock() + 1.0)
        return 60.0 * 2.0**attempt

    def _refused(self, status: int, payload: bytes) -> RefusedError:
        try:
            answer = json.loads(payload)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            return RefusedError(status, "the forge refused")
        errors = answer.get("errors") or []
        details = "; ".join(map(_said, errors if isinstance(errors, list) else [errors]))[:500]
        error = answer.get("error")
        said = answer.get("message") or (error.get("message") if isinstance(error, dict) else error)
        message = str(said or "the forge refused")[:500]
        return RefusedError(status, self.redacted(message), self.redacted(details))

    def redacted(self, text: str) -> str:
        """``text`` without our secrets."""
        for secret in self.secrets:
            if secret:
                text = text.replace(secret, "***")
        return text

    @staticmethod
    def _host(url: str) -> str:
        return urllib.parse.urlsplit(url).hostname or url


def _is_write(method: str, body: object) -> bool:
    """Whether a call changes something: all but GET, and GraphQL's queries."""
    query = body.get("query") if isinstance(body, dict) else None
    return method != "GET" and not (isinstance(query, str) and query.lstrip().startswith("query"))


def _said(error: object) -> str:
    if isinstance(error, dict):
        return str(error.get("message") or error.get("code") or error)
    return str(error)
