"""What people told us in replies: ``/kibitz ignore [reason]``, ``ignore-rule [rule]``, ``explain``, ``rerun``; and thumbs down.

Only someone who may write to the repository has a say; everybody else's orders are as if unsaid. Orders stay in the
conversation and are read anew in each run, so that nothing has to be stored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from kibitz_reviewer.finding import Finding
from kibitz_reviewer.forges.marker import mark_of, shortened
from kibitz_reviewer.forges.talk import Reply, Talk, Thread

_ORDER = re.compile(
    r"^[ \t]{0,3}/kibitz[ \t]+(ignore-rule|ignore|explain|rerun)\b[ \t]*([^\n]{0,500})", re.MULTILINE
)
_REFERENCE = re.compile(r"[0-9a-f]{8,64}\b")
_RULE = re.compile(r"[a-z][a-z0-9-]{1,80}\b")


@dataclass(frozen=True, slots=True)
class Order:
    """One order, the words after it, and the thread it was given in (None: in the pull request's own conversation)."""

    what: str
    words: str
    reply: Reply
    thread: Thread | None = None


@dataclass(slots=True)
class Say:
    """What people with a say want: findings and rules to ignore, questions to answer, whether to look again."""

    ignored: set[str] = field(default_factory=set)
    ignored_rules: set[str] = field(default_factory=set)
    rejected: set[str] = field(default_factory=set)
    questions: list[Order] = field(default_factory=list)
    rerun: bool = False

    def covers(self, finding: Finding) -> bool:
        """Whether ``finding`` was waved away."""
        return finding.rule in self.ignored_rules or shortened(finding.fingerprint) in self.ignored

    def quiets(self, thread: Thread) -> bool:
        """Whether all that ``thread`` says was waved away by name."""
        return bool(thread.fingerprints) and thread.fingerprints <= self.ignored


def orders_in(talk: Talk) -> list[Order]:
    """Every order of a person, in threads first."""
    places: list[tuple[Thread | None, Reply]] = []
    places += [(thread, reply) for thread in talk.threads for reply in thread.replies]
    places += [(None, remark) for remark in talk.remarks]
    found: list[Order] = []
    for thread, reply in places:
        if not reply.ours:
            found += [
                Order(match[1], match[2].strip(), reply, thread)
                for match in _ORDER.finditer(reply.body.replace("\r", ""))
            ]
    return found


def heard(
    talk: Talk, may_write: Callable[[str], bool], rules_of: Callable[[frozenset[str]], Iterable[str]]
) -> Say:
    """The orders of those who have a say. ``rules_of``: the rules of the findings with these fingerprints."""
    say, trusted = Say(), _Trust(may_write)
    answered = _answered(talk)
    for order in orders_in(talk):
        if trusted(order.reply.author):
            _obey(order, say, answered, rules_of)
    for thread in talk.threads:
        if any(trusted(author) for author in thread.rejected_by):
            say.ignored |= thread.fingerprints
            say.rejected |= thread.fingerprints
    return say


def _obey(
    order: Order, say: Say, answered: set[str], rules_of: Callable[[frozenset[str]], Iterable[str]]
) -> None:
    here = order.thread.fingerprints if order.thread else frozenset()
    if order.what == "ignore":
        named = _REFERENCE.match(order.words)
        say.ignored |= here or ({shortened(named[0])} if named else set())
    elif order.what == "ignore-rule":
        named = _RULE.match(order.words)
        rules = set(rules_of(here))
        # In a thread the first word may be a rule said there or the beginning of a reason.
        say.ignored_rules |= {named[0]} if named and (not here or named[0] in rules) else rules
        say.ignored |= here if not named or named[0] not in rules else set()
    elif order.what == "explain" and order.reply.id not in answered and order.thread is not None:
        say.questions.append(order)
    elif order.what == "rerun":
        say.rerun = True


def _answered(talk: Talk) -> set[str]:
    marks = (mark_of(reply.body) for thread in talk.threads for reply in thread.replies if reply.ours)
    return {mark.answer for mark in marks if mark and mark.answer}


class _Trust:
    """Asks about each person once; no name, no say."""

    def __init__(self, may_write: Callable[[str], bool]) -> None:
        self._may_write, self._said = may_write, dict[str, bool]()

    def __call__(self, author: str) -> bool:
        if author not in self._said:
            self._said[author] = bool(author) and self._may_write(author)
        return self._said[author]
