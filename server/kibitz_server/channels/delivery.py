"""Announcing: what has not been told to a channel yet is told, once, again and again with longer pauses until it is taken."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kibitz_server import channels, feedback
from kibitz_server.channels import Channel, ChannelError, PermanentError, Sender, message
from kibitz_server.channels.mail import Mail
from kibitz_server.channels.sns import Sns
from kibitz_server.channels.webhook import Slack, Webhook
from kibitz_server.findings import ANOMALY, GONE, HEAP
from kibitz_server.store import Store, StoredFinding

log = logging.getLogger("kibitz.server")

DOCUMENT = "announced"
FIRST_PAUSE_S, LONGEST_PAUSE_S = 30.0, 6 * 3600.0
MOST_ATTEMPTS = 12
INTERVAL_S = 15.0
NEWS_S = 7 * 86_400.0
_KEPT_S = 40 * 86_400.0


def senders() -> dict[str, Sender]:
    """A sender for each kind, as the environment says."""
    return {
        channels.WEBHOOK: Webhook(),
        channels.SLACK: Slack(),
        channels.EMAIL: Mail.from_environment(),
        channels.SNS: Sns(),
    }


def try_out(channel: Channel, group: str, by: Mapping[str, Sender], now: float) -> None:
    """Send a test message, once; `ChannelError` if it was not taken."""
    by[channel.kind].send(channel, message.of_test(group, str(uuid.uuid4()), now))


def announce(store: Store, group: str, by: Mapping[str, Sender], now: float) -> int:
    """Tell the group's channels what they have not been told yet; how many messages were taken.

    An anomaly is announced once when found, and once when it went away if it had been announced. Those judged useless
    are not, nor is what ended over `NEWS_S` ago. Of the types that grow together in one heap, one is announced. What is
    tried is written down before it is sent: of two collectors on one store, one sends.
    """
    known = channels.listed(store.document(group, channels.DOCUMENT))
    if not known:
        return 0
    news = [one for one in store.findings(group) if one.kind in (ANOMALY, HEAP) and one.end >= now - NEWS_S]
    shown = feedback.shown(news, store.document(group, feedback.DOCUMENT))[::-1]
    shown.sort(key=_names_no_code)
    taken = 0
    for channel in known:
        for finding in shown:
            if finding.end >= channel.since and _claimed(store, channel, finding, now, news):
                taken += _sent(store, channel, finding, by, now)
    return taken


def _names_no_code(finding: StoredFinding) -> bool:
    """Whether it is of dicts, strings and the like: a class of one's own among them says more."""
    return finding.kind == HEAP and "." not in finding.frame


def pause_s(attempts: int) -> float:
    """How long to wait after so many attempts."""
    return float(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (attempts - 1)))


def _claimed(
    store: Store, channel: Channel, finding: StoredFinding, now: float, news: Sequence[StoredFinding]
) -> bool:
    """Whether it is time to try, and nobody else does."""
    key, mine = _key(channel, finding), False

    def claim(document: Mapping[str, Any]) -> Mapping[str, Any]:
        nonlocal mine
        mine = False
        told = document.get(key, {})
        if finding.details.get(GONE) and not document.get(_key(channel, finding, gone=False), {}).get("done"):
            return document  # never announced: nothing to take back
        if told.get("done") or told.get("next", 0.0) > now or told.get("attempts", 0) >= MOST_ATTEMPTS:
            return document
        if key not in document and any(
            _key(channel, other) in document for other in _grown_with(finding, news)
        ):
            return document  # the same heap has been told of
        mine = True
        attempts = int(told.get("attempts", 0)) + 1
        live = {one.id for one in news}
        kept = {
            name: value
            for name, value in document.items()
            if value.get("at", now) > now - _KEPT_S or name.split()[1] in live
        }
        return {**kept, key: {"attempts": attempts, "next": now + pause_s(attempts), "at": now}}

    if _is_told(store.document(finding.group, DOCUMENT).get(key, {}), now):
        return False  # the usual case needs no transaction
    store.change_document(finding.group, DOCUMENT, claim)
    return mine


def _grown_with(finding: StoredFinding, news: Sequence[StoredFinding]) -> list[StoredFinding]:
    """The findings of the other types that grow in the same heap, at the same time."""
    if finding.kind != HEAP:
        return []
    with_it = finding.details.get("grows_with", [])
    return [
        other
        for other in news
        if other.kind == HEAP
        and (other.frame in with_it or finding.frame in other.details.get("grows_with", []))
        and other.start <= finding.end
        and finding.start <= other.end
    ]


def _is_told(told: Mapping[str, Any], now: float) -> bool:
    return bool(told.get("done")) or float(told.get("next", 0.0)) > now


def _sent(
    store: Store, channel: Channel, finding: StoredFinding, by: Mapping[str, Sender], now: float
) -> bool:
    key, taken, given_up = _key(channel, finding), False, False
    try:
        by[channel.kind].send(channel, message.of_finding(finding, now))
        taken = True
    except PermanentError as error:
        given_up = True
        log.warning(
            "channel %s of %s takes no messages, none is tried again: %s", channel.id, finding.group, error
        )
    except ChannelError as error:
        log.warning(
            "channel %s of %s took no message, it is tried again: %s", channel.id, finding.group, error
        )
    except Exception:
        log.exception("channel %s of %s failed", channel.id, finding.group)

    def note(document: Mapping[str, Any]) -> Mapping[str, Any]:
        told = dict(document.get(key, {}))
        told["done"] = taken
        told["attempts"] = MOST_ATTEMPTS if given_up else told.get("attempts", 1)
        return {**document, key: told}

    if taken or given_up:
        store.change_document(finding.group, DOCUMENT, note)
    return taken


def _key(channel: Channel, finding: StoredFinding, gone: bool | None = None) -> str:
    is_gone = bool(finding.details.get(GONE)) if gone is None else gone
    return f"{channel.id} {finding.id} {'gone' if is_gone else 'found'}"


class Announcer:
    """Announces every ``interval_s`` seconds on a thread of its own, from start() to stop()."""

    def __init__(
        self,
        store: Store,
        by: Callable[[], Mapping[str, Sender]] = senders,
        clock: Callable[[], float] = time.time,
        interval_s: float = INTERVAL_S,
    ) -> None:
        """``by`` gives the senders, once; ``clock`` epoch seconds."""
        self._store, self._by, self._clock, self._interval_s = store, by, clock, interval_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="kibitz-channels", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the message under way. Harmless when it never began."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def run_once(self) -> None:
        """Announce what is new in every group."""
        by = self._by()
        for group in self._store.groups():
            if self._stop.is_set():
                return
            try:
                announce(self._store, group.name, by, self._clock())
            except Exception:
                log.exception("announcing the findings of %s failed", group.name)

    def _loop(self) -> None:
        while not self._stop.wait(self._interval_s):
            try:
                self.run_once()
            except Exception:
                log.exception("announcing failed; the next round tries again")
