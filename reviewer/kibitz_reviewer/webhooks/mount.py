"""One request in, one answer out: verify, refuse what came before, put the work into the queue, say so."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from kibitz_reviewer.webhooks.events import jobs_of
from kibitz_reviewer.webhooks.queue import Queue
from kibitz_reviewer.webhooks.signatures import is_genuine

MAX_BYTES = 25 * 1024 * 1024
_NAMES = ("x-github-delivery", "idempotency-key", "webhook-id", "x-gitlab-event-uuid", "x-request-uuid")
Answer = tuple[int, dict[str, object]]


class Crew(Protocol):
    """Whoever does the work."""

    def wake(self) -> None:
        """There is something to do."""
        ...

    def stop(self) -> None:
        """Stop; what is under way is left for the next time."""
        ...


@dataclass(frozen=True, slots=True)
class Mount:
    """The webhooks' end of the line. Nothing here waits for a review: an answer takes one write to disk."""

    queue: Queue
    secrets: Mapping[str, bytes]
    crew: Crew
    clock: Callable[[], float] = time.time

    def handle(self, method: str, name: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """The status and the JSON to answer a request to the forge ``name``'s address."""
        if name not in self.secrets:
            return 404, {"message": f"no webhook secret is set for {name!r}"}
        if method != "POST":
            return 405, {"message": "expected POST"}
        if len(body) > MAX_BYTES:
            return 413, {"message": f"expected at most {MAX_BYTES} bytes"}
        lower = {key.lower(): value for key, value in headers.items()}
        if not is_genuine(name, self.secrets[name], lower, body, self.clock()):
            return 401, {"message": "the signature is missing or wrong"}
        return self._accept(name, lower, body)

    def _accept(self, name: str, headers: Mapping[str, str], body: bytes) -> Answer:
        try:
            payload = json.loads(body)
        except (ValueError, RecursionError):
            return 400, {"message": "expected JSON: set the webhook's content type to application/json"}
        if not isinstance(payload, dict):
            return 400, {"message": "expected a JSON object"}
        jobs = jobs_of(name, headers, payload)
        # A delivery's name is not signed, so the body itself must not come twice either.
        names = [f"{name}:{key}:{headers[key]}"[:300] for key in _NAMES if headers.get(key)]
        event = headers.get("x-github-event", "") or headers.get("x-event-key", "")
        names.append(f"{name}:{event}:{hashlib.sha256(body).hexdigest()}"[:300])
        if not self.queue.put(names, jobs):
            return 409, {"message": "this delivery was seen before"}
        if jobs:
            self.crew.wake()
        return (202 if jobs else 200), {"queued": [job.key for job in jobs]}

    def close(self) -> None:
        """Stop the work and close the queue."""
        self.crew.stop()
        self.queue.close()
