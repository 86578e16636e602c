"""What is on a pull request, in words that no forge owns: the pull request, our threads, what people answered."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pull:
    """The pull request: ``head`` is the commit to comment on, ``base`` the one it is to be merged into ("" if unknown).

    ``author_is_bot``: another program opened it. ``repository``: its name on the forge; ``url``: the page for people, "" if unknown.
    """

    number: int
    head: str
    title: str = ""
    draft: bool = False
    author_is_bot: bool = False
    base: str = ""
    repository: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """A comment that is not a finding of ours: who said what. ``id`` is unique on the pull request."""

    id: str
    author: str
    body: str
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Thread:
    """An inline comment of ours with what hangs on it.

    ``id`` is what the forge calls it; ``order`` grows with time. ``fingerprints`` are those of the findings it says.
    ``rejected_by``: who put a thumb down. ``settled_by_us`` matters only where ``resolved``.
    """

    id: str
    path: str
    fingerprints: frozenset[str]
    order: int = 0
    resolved: bool = False
    settled_by_us: bool = False
    replies: tuple[Reply, ...] = ()
    rejected_by: tuple[str, ...] = ()

    @property
    def answered(self) -> bool:
        """Whether a person wrote here."""
        return any(not reply.ours for reply in self.replies)


@dataclass(frozen=True, slots=True)
class Summary:
    """A summary of ours: the fingerprints it remembers and its text."""

    id: str
    body: str
    fingerprints: frozenset[str]
    order: int = 0


@dataclass(frozen=True, slots=True)
class Talk:
    """Everything said: our threads and summaries in the order of time, and what people said beside them."""

    threads: tuple[Thread, ...] = ()
    summaries: tuple[Summary, ...] = ()
    remarks: tuple[Reply, ...] = ()

    @property
    def known(self) -> frozenset[str]:
        """Every fingerprint that was said."""
        inline = {mark for thread in self.threads for mark in thread.fingerprints}
        return frozenset(inline.union(*(summary.fingerprints for summary in self.summaries)))
