"""Reports to a collector over HTTP, by the standard library alone.

What cannot be delivered waits in a bounded spool and goes with the next report; each profile keeps its token, so that a
retry of one that did arrive is counted once.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from kibitz_agent import wire
from kibitz_agent.config import log
from kibitz_agent.fleet import Identity
from kibitz_agent.profile import Profile
from kibitz_agent.reporters import ReportError
from kibitz_agent.reporters.transport import Answer, HttpTransport, Transport
from kibitz_agent.spool import Spool

_TIMEOUT_S = 10.0
_ATTEMPTS = 3
_FIRST_DELAY_S = 0.5
_LONGEST_DELAY_S = 30.0
# The request is wrong and will be wrong again. 404 is not among them: a group may yet be made.
_PERMANENT = frozenset({400, 405, 411, 413, 415, 422})


class HttpReporter:
    """Reports to the collector at ``url`` (which may carry a path) for the group of ``identity``."""

    def __init__(
        self,
        url: str,
        identity: Identity,
        transport: Transport | None = None,
        spool: Spool | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``transport`` is made at the first request, so that a host pays nothing for it before."""
        self._base = f"{url.rstrip('/')}/profilingGroups/{quote(identity.group, safe='')}"
        self._identity, self._transport = identity, transport
        self._spool = Spool() if spool is None else spool
        self._adopted = False
        self._sleep, self._clock = sleep, clock
        self._process_id = os.getpid()
        self._not_before_s = 0.0
        self._failing = False

    def configure(self) -> Mapping[str, object] | None:
        """The collector's configuration, None when it cannot be had."""
        self._notice_fork()
        if self._clock() < self._not_before_s:
            return None
        body = json.dumps({"fleetInstanceId": self._identity.instance, "metadata": {}}).encode()
        try:
            answer = self._post("configureAgent", body, "application/json", _TIMEOUT_S)
        except OSError as error:
            self._trouble(str(error))
            return None
        if answer.status != 200:
            self._trouble(f"status {answer.status}")
            self._respect(answer)
            return None
        try:
            found: Any = json.loads(answer.body)
        except (ValueError, RecursionError):
            self._trouble("its configuration is not JSON")
            return None
        return found if isinstance(found, dict) else None

    def report(self, profile: Profile) -> None:
        """Send ``profile`` and whatever waits in the spool; what fails stays there."""
        self._notice_fork()
        self._spool.add(profile.header.token, wire.encode(profile))
        if not self._adopted:
            self._adopted = True
            self._spool.adopt()
        try:
            self._deliver(_ATTEMPTS, self._clock() + _ATTEMPTS * (_TIMEOUT_S + _LONGEST_DELAY_S))
        finally:
            self._spool.keep()

    def close(self, timeout_s: float) -> None:
        """One last try for everything held, within ``timeout_s``."""
        self._notice_fork()
        if len(self._spool):
            self._not_before_s = 0.0
            self._deliver(1, self._clock() + timeout_s)
            self._spool.keep()
        self._spool.close()

    def _deliver(self, attempts: int, deadline_s: float) -> None:
        delay_s = _FIRST_DELAY_S
        while len(self._spool):
            left_s = deadline_s - self._clock()
            if left_s <= 0 or self._clock() < self._not_before_s:
                return
            token, body = self._spool.first()
            if self._send(token, body, min(_TIMEOUT_S, left_s)):
                self._spool.remove(token)
                continue
            attempts -= 1
            if attempts <= 0:
                return
            # Full jitter: a thousand agents that lost their collector together do not come back together.
            self._sleep(min(max(0.0, deadline_s - self._clock()), random.uniform(delay_s / 2, delay_s)))
            delay_s = min(2 * delay_s, _LONGEST_DELAY_S)

    def _send(self, token: str, body: bytes, timeout_s: float) -> bool:
        """Whether the profile is off our hands: taken, or refused for good."""
        try:
            answer = self._post(
                f"agentProfile?{urlencode({'profileToken': token})}", body, wire.CONTENT_TYPE, timeout_s
            )
        except OSError as error:
            self._trouble(str(error))
            return False
        if 200 <= answer.status < 300:
            if self._failing:
                log.info("kibitz: the collector answers again")
            self._failing = False
            return True
        if answer.status in _PERMANENT:
            self._spool.remove(token)
            raise ReportError(f"the collector refused a profile (status {answer.status}); it is dropped")
        self._trouble(f"status {answer.status}")
        self._respect(answer)
        return False

    def _post(self, path: str, body: bytes, content_type: str, timeout_s: float) -> Answer:
        if self._transport is None:
            self._transport = HttpTransport()
        return self._transport.post(f"{self._base}/{path}", body, content_type, timeout_s)

    def _respect(self, answer: Answer) -> None:
        if answer.status in (429, 503) and answer.retry_after_s:
            self._not_before_s = self._clock() + answer.retry_after_s

    def _trouble(self, what: str) -> None:
        """One line an outage."""
        if not self._failing:
            log.warning("kibitz: the collector cannot be used (%s); profiles are kept and sent later", what)
        self._failing = True

    def _notice_fork(self) -> None:
        """In a child: the parent sends what the parent has seen."""
        if os.getpid() != self._process_id:
            self._process_id = os.getpid()
            self._spool.forget()
            self._not_before_s, self._failing = 0.0, False


def spool_of(group: str, environ: Mapping[str, str] | None = None) -> Spool:
    """A spool in the folder that ``KIBITZ_SPOOL_DIR`` names, or one in memory."""
    folder = (os.environ if environ is None else environ).get("KIBITZ_SPOOL_DIR")
    if not folder:
        return Spool()
    from pathlib import Path

    from kibitz_agent.disk_spool import DiskSpool

    return DiskSpool(Path(folder), group)
