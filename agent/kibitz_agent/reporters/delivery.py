"""Delivery: what cannot be sent waits in a bounded spool and goes with the next report.

Each profile keeps its token, so that a retry of one that did arrive is counted once. How one request to the collector is
made is the channel's business: `reporters.http` speaks to Kibitz's collector, its neighbours to others.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from kibitz_agent import unpatched, wire
from kibitz_agent.config import log
from kibitz_agent.profile import Profile
from kibitz_agent.reporters import ReportError
from kibitz_agent.reporters.split import halves
from kibitz_agent.reporters.transport import Answer
from kibitz_agent.spool import Spool

_TIMEOUT_S = 10.0
_ATTEMPTS = 3
_FIRST_DELAY_S = 0.5
_LONGEST_DELAY_S = 30.0
_TOO_LARGE = 413
# The request is wrong and will be wrong again. 404 is not among them: a group may yet be made.
_PERMANENT = frozenset({400, 405, 411, _TOO_LARGE, 415, 422})


class Channel(Protocol):
    """One collector's dialect. `OSError` when no answer came within ``timeout_s`` seconds."""

    def configure(self, timeout_s: float) -> Answer | None:
        """Ask for the configuration, in the shape of ConfigureAgent's; None where there is none to be had."""

    def deliver(self, token: str, body: bytes, timeout_s: float) -> Answer:
        """Send a profile, ``body`` in the wire form, under its token."""


class Delivery:
    """A reporter that gets profiles through ``channel`` sooner or later, or drops them with a line in the log."""

    def __init__(
        self,
        channel: Channel,
        spool: Spool | None = None,
        sleep: Callable[[float], None] = unpatched.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._channel = channel
        self._spool = Spool() if spool is None else spool
        self._adopted = False
        self._sleep, self._clock = sleep, clock
        self._process_id = os.getpid()
        self._not_before_s = 0.0
        self._failing = False
        self._refused = ""

    def configure(self) -> Mapping[str, object] | None:
        """The collector's configuration, None when it cannot be had."""
        self._notice_fork()
        if self._clock() < self._not_before_s:
            return None
        try:
            answer = self._channel.configure(_TIMEOUT_S)
        except OSError as error:
            self._trouble(str(error))
            return None
        if answer is None:
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
        """Send ``profile`` and whatever waits in the spool; what fails stays there, what is refused is a `ReportError`."""
        self._notice_fork()
        self._spool.add(profile.header.token, wire.encode(profile))
        if not self._adopted:
            self._adopted = True
            self._spool.adopt()
        try:
            self._deliver(_ATTEMPTS, self._clock() + _ATTEMPTS * (_TIMEOUT_S + _LONGEST_DELAY_S))
        finally:
            self._spool.keep()
        if self._refused:
            refused, self._refused = self._refused, ""
            raise ReportError(refused)

    def close(self, timeout_s: float) -> None:
        """One last try for everything held, within ``timeout_s``."""
        self._notice_fork()
        if len(self._spool):
            self._not_before_s = 0.0
            self._deliver(1, self._clock() + timeout_s)
            self._spool.keep()
        self._spool.close()
        if self._refused:
            log.warning("kibitz: %s", self._refused)

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
            answer = self._channel.deliver(token, body, timeout_s)
        except OSError as error:
            self._trouble(str(error))
            return False
        except (ValueError, RecursionError) as error:
            # A file of the spool that is no profile: kept, it would hold up all that wait behind it.
            self._refused = f"a profile cannot be sent ({type(error).__name__}); it is dropped"
            return True
        if 200 <= answer.status < 300 and not _is_page(answer):
            if self._failing:
                log.info("kibitz: the collector answers again")
            self._failing = False
            return True
        if answer.status in _PERMANENT:
            self._refuse(token, answer.status, body)
            return True
        self._trouble(
            f"status {answer.status}" if answer.status >= 300 else "a web page answers in its place"
        )
        self._respect(answer)
        return False

    def _refuse(self, token: str, status: int, body: bytes) -> None:
        self._spool.remove(token)  # first, or there is no room for its parts
        parts = halves(body) if status == _TOO_LARGE else []
        for name, part in parts:
            self._spool.add(name, part)
        if not parts:
            self._refused = f"the collector refused a profile (status {status}); it is dropped"

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


def _is_page(answer: Answer) -> bool:
    """Whether something between us and the collector says 200 to everything: a login page, a proxy's excuse."""
    return answer.body.lstrip()[:1] == b"<"
