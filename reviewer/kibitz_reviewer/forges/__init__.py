"""The forges that host pull requests: each knows how to put findings on one as a review, one module each.

    forge = connect("github", os.environ)
    posted = publish(forge, findings)          # kibitz_reviewer.forges.pipeline

A forge keeps no state of its own: what was said before is read back from the pull request, so that a run in CI, on a
laptop or on a server gives the same result, and a second run says nothing twice.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from kibitz_reviewer.finding import Finding
from kibitz_reviewer.forges.plan import Comment, Dialect, Hunks
from kibitz_reviewer.forges.talk import Pull, Summary, Talk, Thread

FORGES = {
    "bitbucket": "kibitz_reviewer.forges.bitbucket",
    "codecommit": "kibitz_reviewer.forges.codecommit",
    "github": "kibitz_reviewer.forges.github",
    "gitlab": "kibitz_reviewer.forges.gitlab",
}


class ForgeError(Exception):
    """A forge refused, or could not be reached; the message says what to do. It never holds a token."""


class ForbiddenError(ForgeError):
    """The forge takes nothing from this token: the findings have to be shown elsewhere."""


@dataclass(frozen=True, slots=True)
class Posted:
    """What a publication did, in findings: said inline, put in the summary, known before; and in threads: resolved.

    ``ignored``: findings that people with a say waved away; ``note``: why nothing was posted, or what could not be.
    ``said``: the fingerprints and rules of all findings that stand inline; ``turned_down``: of those that were waved away.
    ``waved``: the fingerprints of every finding that was waved away, by name or by its rule. ``pull``: None if it was not reviewed.
    """

    comments: int = 0
    summarised: int = 0
    known: int = 0
    url: str = ""
    resolved: int = 0
    ignored: int = 0
    note: str = ""
    rejected: tuple[str, ...] = ()
    said: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    turned_down: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    waved: frozenset[str] = field(default=frozenset(), compare=False)
    pull: Pull | None = field(default=None, compare=False)

    def __str__(self) -> str:
        parts = [f"nothing new to post ({self.known} already on the pull request)"]
        if self.comments or self.summarised:
            said = f"posted {self.comments} inline comment(s), {self.summarised} finding(s) in the summary"
            parts = [f"{said}, {self.known} already on the pull request"]
        parts += [f"{self.resolved} resolved"] if self.resolved else []
        parts += [f"{self.ignored} ignored by request"] if self.ignored else []
        parts += [self.note] if self.note else []
        return ", ".join(parts) + (f": {self.url}" if self.url else "")


class Forge(Protocol):
    """One pull request on one forge. Every method raises ``ForgeError``; writes that may be repeated are not our caller's worry."""

    dialect: Dialect

    def pull(self) -> Pull:
        """The pull request as it is now."""
        ...

    def hunks(self) -> Hunks:
        """The lines of the new files that may carry a comment."""
        ...

    def talk(self) -> Talk:
        """What has been said on the pull request, by us and to us."""
        ...

    def post(self, comments: Sequence[Comment], summary: str) -> list[Comment]:
        """Say ``comments`` and a ``summary`` (if not empty) in as few notifications as can be; returns the comments refused."""
        ...

    def edit(self, summary: Summary, body: str) -> None:
        """Put ``body`` in the place of a summary of ours."""
        ...

    def reply(self, thread: Thread, body: str) -> None:
        """Answer in a thread."""
        ...

    def settle(self, thread: Thread, *, resolved: bool) -> bool:
        """Resolve a thread, or open it again; whether the forge could."""
        ...

    def retract(self, thread: Thread) -> None:
        """Delete a comment of ours that another run has said before."""
        ...

    def may_write(self, author: str) -> bool:
        """Whether this person may write to the repository, and so has a say."""
        ...

    def conclude(self, findings: Sequence[Finding], *, failed: bool) -> str:
        """Report the whole result where the forge has a place beside comments; returns a note, "" if all is well."""
        ...

    def rehearse(self, requests: list[dict[str, object]]) -> None:
        """From now on put what would be written into ``requests``, and write nothing."""
        ...


def connect(name: str, environ: Mapping[str, str]) -> Forge:
    """The forge ``name`` for the pull request that ``environ`` describes; ``ForgeError`` says what is missing."""
    try:
        module = importlib.import_module(FORGES[name])
    except KeyError:
        raise ForgeError(f"expected a forge ({', '.join(sorted(FORGES))}), got {name!r}") from None
    forge: Forge = module.connect(environ)
    return forge
