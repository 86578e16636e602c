"""From findings to a pull request: read what was said, decide, say only what is new, settle what is fixed.

The order matters to whoever is killed half way: what is said carries its fingerprints, so the next run finds it and goes on
from there. Two runs at once both see, after writing, what the other wrote; the later one takes its own words back.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from kibitz_reviewer.finding import Finding, Severity
from kibitz_reviewer.forges import Forge, Posted
from kibitz_reviewer.forges.explain import explanation
from kibitz_reviewer.forges.marker import marker, shortened
from kibitz_reviewer.forges.orders import Say, heard
from kibitz_reviewer.forges.plan import MAX_FILES, MAX_INLINE, MAX_PER_PULL, Hunks, Plan, planned, summary
from kibitz_reviewer.forges.recognise import recognised
from kibitz_reviewer.forges.rest import RefusedError, UnreachableError
from kibitz_reviewer.forges.talk import Pull, Talk, Thread

ATTEMPTS = 3
SUPERSEDED = "**Kibitz**: see its other summary."


@dataclass(frozen=True, slots=True)
class Manner:
    """How to publish. ``unreviewed``: paths whose findings are not known this time; ``blind``: that goes for every path.

    ``failed``: the check fails whatever was found; ``fail_at``: it fails from this severity on; ``once``: do not look again after writing (nothing is really written).
    ``quiet``: rules whose findings only the summary tells, each with why. ``renamed``: by path, the one the file had before the change.
    """

    max_inline: int = MAX_INLINE
    unreviewed: Collection[str] = ()
    blind: bool = False
    failed: bool = False
    fail_at: Severity | None = None
    review_drafts: bool = False
    review_bots: bool = False
    once: bool = False
    quiet: Mapping[str, str] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)


def publish(
    forge: Forge,
    findings: Sequence[Finding],
    manner: Manner | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Posted:
    """Put on the pull request what was not said before. Raises ``ForgeError``; then running it again is safe.

    After a lost answer the whole is done again from what is there by then, so nothing is said twice.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _publish(forge, findings, manner or Manner())
        except (UnreachableError, RefusedError) as error:
            if attempt == ATTEMPTS or (isinstance(error, RefusedError) and error.status < 500):
                raise
            sleep(2.0**attempt)
    raise AssertionError("unreachable")


def _publish(forge: Forge, findings: Sequence[Finding], manner: Manner) -> Posted:
    pull = forge.pull()
    reason = _skip(pull, manner)
    if reason:
        return Posted(note=reason)
    talk = forge.talk()
    hunks = functools.cache(forge.hunks)
    own, findings = findings, recognised(findings, talk, manner.renamed, hunks)
    say = heard(talk, forge.may_write, lambda marks: _rules(findings, marks))
    kept = [finding for finding in findings if not say.covers(finding)]
    posted = _say(forge, talk, kept, manner, hunks)
    posted = replace(
        posted,
        ignored=len(findings) - len(kept),
        resolved=_settle(forge, talk, findings, say, manner),
        rejected=tuple(sorted(_rules(findings, frozenset(say.rejected)))),
        said=(
            *posted.said,
            *_named(findings, {mark for thread in talk.threads for mark in thread.fingerprints}),
        ),
        waved=frozenset(
            shortened(one.fingerprint) for one, known in zip(own, findings, strict=True) if say.covers(known)
        ),
        turned_down=_named(findings, say.ignored | say.rejected),
        pull=pull,
    )
    _answer(forge, findings, say)
    severe = manner.fail_at is not None and any(finding.severity >= manner.fail_at for finding in kept)
    notes = [posted.note, forge.conclude(kept, failed=manner.failed or severe)]
    return replace(posted, note="; ".join(filter(None, notes)))


def _skip(pull: Pull, manner: Manner) -> str:
    """Why this pull request gets no review, "" if it does."""
    if pull.draft and not manner.review_drafts:
        return "skipped: the pull request is a draft"
    if pull.author_is_bot and not manner.review_bots:
        return "skipped: a bot opened the pull request"
    if "[skip review]" in pull.title.lower():
        return "skipped: its title says so"
    return ""


def _say(forge: Forge, talk: Talk, kept: list[Finding], manner: Manner, hunks: Callable[[], Hunks]) -> Posted:
    known = talk.known
    new = [finding for finding in kept if shortened(finding.fingerprint) not in known]
    plan, note = _planned(forge, talk, new, manner, hunks)
    inline = {mark for thread in talk.threads for mark in thread.fingerprints}
    listed = [
        finding
        for finding in kept
        if shortened(finding.fingerprint) in known and shortened(finding.fingerprint) not in inline
    ]
    old = len([finding for finding in kept if shortened(finding.fingerprint) in inline])
    state = _State(forge, talk, plan, listed, old, manner.quiet)
    told = [finding for comment in plan.comments for finding in comment.findings]
    said = _named(told, {shortened(finding.fingerprint) for finding in told})
    posted = replace(state.written(known=len(kept) - len(new)), note=note, said=said)
    if new and not manner.once:
        _take_back(forge, {shortened(finding.fingerprint) for finding in new}, {t.id for t in talk.threads})
    return posted


def _planned(
    forge: Forge, talk: Talk, new: list[Finding], manner: Manner, hunks: Callable[[], Hunks]
) -> tuple[Plan, str]:
    if not new:
        return Plan((), ()), ""
    lines = hunks()
    if len(lines) > MAX_FILES:
        return planned(new, {}, 0, forge.dialect), f"{len(lines)} files changed: summary only"
    room = min(manner.max_inline, MAX_PER_PULL - len(talk.threads))
    return planned(new, lines, room, forge.dialect, manner.quiet), ""


@dataclass
class _State:
    """One publication under way. ``old``: findings said inline before that are still there."""

    forge: Forge
    talk: Talk
    plan: Plan
    listed: list[Finding]
    old: int
    quiet: Mapping[str, str]

    def written(self, known: int) -> Posted:
        """Say the plan, then bring the one summary up to date."""
        inline = _count(self.plan.comments)
        first = not self.talk.summaries
        if not self.plan.comments and (not self.plan.rest or not first):
            self._refresh(inline, self.plan.rest)
            return Posted(0, len(self.plan.rest), known)
        text = self._text(inline, self.plan.rest) if first else ""
        refused = self.forge.post(self.plan.comments, text)
        left = [*(finding for comment in refused for finding in comment.findings), *self.plan.rest]
        inline -= _count(refused)
        if refused or not first:
            if first:
                self.talk = self.forge.talk()
            self._refresh(inline, left, new=True)
        url = getattr(self.forge, "url", "")
        return Posted(inline, len(left), known, url if isinstance(url, str) else "")

    def _refresh(self, inline: int, left: Iterable[Finding], *, new: bool = False) -> None:
        """Edit our summary if it no longer says what is so."""
        left = list(left)
        if not self.talk.summaries:
            if new and left:
                self.forge.post((), self._text(inline, left))
            return
        ours = self.talk.summaries[0]
        text = self._text(inline, left)
        if text.strip() != ours.body.replace("\r\n", "\n").strip():
            self.forge.edit(ours, text)

    def _text(self, inline: int, left: Iterable[Finding]) -> str:
        before = {mark for one in self.talk.summaries for mark in one.fingerprints}
        return summary(inline + self.old, [*self.listed, *left], self.forge.dialect, before, self.quiet)


def _count(comments: Iterable[object]) -> int:
    return sum(len(getattr(comment, "findings", ())) for comment in comments)


def _take_back(forge: Forge, said: set[str], before: set[str]) -> None:
    """Delete what we said while another run was saying the same: the older comment stays."""
    talk = forge.talk()
    first: dict[str, str] = {}
    for thread in sorted(talk.threads, key=lambda thread: thread.order):
        twice = [mark for mark in thread.fingerprints if mark in first]
        for mark in thread.fingerprints:
            first.setdefault(mark, thread.id)
        if (
            twice
            and thread.id not in before
            and thread.fingerprints <= said
            and len(twice) == len(thread.fingerprints)
        ):
            _retract(forge, thread)
    for extra in talk.summaries[1:]:
        text = f"{SUPERSEDED}\n\n{marker(extra.fingerprints, style=forge.dialect.marker, summary=True)}"
        if extra.body.strip() != text.strip():
            forge.edit(extra, text)


def _retract(forge: Forge, thread: Thread) -> None:
    try:
        forge.retract(thread)
    except RefusedError as error:
        # The other run may have seen the same, and been quicker.
        if error.status != 404:
            raise


def _settle(forge: Forge, talk: Talk, findings: Sequence[Finding], say: Say, manner: Manner) -> int:
    """Resolve the threads whose findings are gone or waved away, open again those that came back; how many were resolved."""
    present = {shortened(finding.fingerprint) for finding in findings if not say.covers(finding)}
    resolved = 0
    for thread in talk.threads:
        gone = not thread.fingerprints & present
        unsure = manner.blind or thread.path in manner.unreviewed
        waved = say.quiets(thread)
        if thread.resolved:
            if thread.settled_by_us and not gone:
                forge.settle(thread, resolved=False)
        elif waved or (gone and not unsure and not thread.answered):
            resolved += forge.settle(thread, resolved=True)
    return resolved


def _answer(forge: Forge, findings: Sequence[Finding], say: Say) -> None:
    for order in say.questions:
        if order.thread is not None:
            text = explanation(_rules(findings, order.thread.fingerprints))
            forge.reply(
                order.thread, f"{text}\n\n{marker(style=forge.dialect.marker, answer=order.reply.id)}"
            )


def _named(findings: Iterable[Finding], marks: Collection[str]) -> tuple[tuple[str, str], ...]:
    """The findings with these fingerprints: short fingerprint and rule."""
    pairs = ((shortened(finding.fingerprint), finding.rule) for finding in findings)
    return tuple(pair for pair in pairs if pair[0] in marks)


def _rules(findings: Iterable[Finding], marks: Collection[str]) -> list[str]:
    """The rules of the findings with these fingerprints, each once."""
    return list(dict.fromkeys(f.rule for f in findings if shortened(f.fingerprint) in marks))
