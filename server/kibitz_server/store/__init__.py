"""Where profiles are kept. `Store` is what the rest of the collector knows of it; `sql` is its first member."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from kibitz_agent.profile import Frame, Labels, Profile, ProfileError, ValueType

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Change = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class StoreError(Exception):
    """The store cannot do its work (disk full, read-only, damaged); the message says what to do."""


class BusyError(StoreError):
    """Too much waits to be written: come back after ``retry_after_s`` seconds."""

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Group:
    """A profiling group and what has arrived for it. Times in seconds since the epoch; 0: nothing yet."""

    name: str
    created: float
    first_seen: float = 0.0
    last_seen: float = 0.0
    profiles: int = 0
    instances: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """A profile as it was handed in. ``token``: its identity in the group; ``source``: the form it came in."""

    group: str
    profile: Profile
    token: str
    source: str


@dataclass(frozen=True, slots=True)
class Span:
    """What is asked for: a group's profiles whose period ends in [start, end), seconds since the epoch."""

    group: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Part:
    """What is known of one report, or of the reports that were added up into a bucket.

    ``start`` and ``end``: the earliest start and the latest end, epoch seconds; ``profiles``: how many reports they
    are. An instance or revision that is not known is "".
    """

    start: float
    end: float
    profiles: int
    instances: frozenset[str]
    revisions: frozenset[str]
    types: tuple[ValueType, ...]
    limits: frozenset[str] = frozenset()
    samplers: frozenset[str] = frozenset()
    interval_ns: int = 0
    runtime: str = ""


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples of many profiles, end to end. All arrays have one row per sample.

    ``profile`` is the row's position in ``parts``; ``node`` and ``labels`` index the group's dictionary; ``values`` has
    one column per value type.
    """

    parts: Sequence[Part]
    profile: Ints
    node: Ints
    labels: Ints
    value_types: tuple[ValueType, ...]
    values: Ints


@dataclass(frozen=True, slots=True)
class Dictionary:
    """A group's call tree and label sets, dense: row ``i`` describes id ``i``. A parent's id is below its children's."""

    parent: Ints
    frame: Ints
    line: Ints
    depth: Ints
    frames: Sequence[Frame]
    label_sets: Sequence[Labels]


@dataclass(frozen=True, slots=True)
class StoredFinding:
    """A finding as it is kept: what `kibitz_server.findings` makes and the pages show. Times in epoch seconds."""

    id: str
    group: str
    kind: str
    frame: str
    start: float
    end: float
    reason: str
    details: Mapping[str, Any] = field(default_factory=dict)


class Store(Protocol):
    """Keeps profiles, the groups they belong to, and what was found in them. Safe to use from many threads."""

    def add(self, group: str, profile: Profile, token: str, source: str) -> bool:
        """Keep ``profile`` durably; False if ``token`` was seen before in this group (nothing changes then)."""

    def add_all(self, reports: Iterable[Report]) -> list[bool | ProfileError]:
        """Keep many durably, with as few syncs as it takes; for each what `add` would answer or raise."""

    def create_group(self, name: str, now: float) -> bool:
        """Make an empty group; False if it exists."""

    def delete_group(self, name: str) -> bool:
        """Forget a group and all that belongs to it; False if there is none."""

    def groups(self) -> list[Group]:
        """All groups, the most recently active first."""

    def group(self, name: str) -> Group | None:
        """One group, or None."""

    def samples(self, span: Span, coarsest_s: float = 86_400.0) -> Samples:
        """All samples of the span's profiles; empty arrays when there are none.

        What was rolled up comes in parts of 300, 3,600 or 86,400 seconds, none longer than ``coarsest_s`` unless only
        longer ones are kept that far back.
        """

    def dictionary(self, group: str) -> Dictionary:
        """The group's call tree and label sets; grows, never changes."""

    def watermark(self, group: str) -> int:
        """A number that grows with every profile added to the group."""

    def save_findings(self, group: str, found: Sequence[StoredFinding]) -> None:
        """Add findings, or replace those of equal id."""

    def findings(self, group: str | None = None) -> list[StoredFinding]:
        """Findings of one group or of all, the latest first."""

    def document(self, group: str, kind: str) -> Mapping[str, Any]:
        """What is kept beside a group's profiles under ``kind`` (settings, tags ...); empty when nothing is."""

    def change_document(self, group: str, kind: str, change: Change) -> Mapping[str, Any] | None:
        """Replace a document by what ``change`` makes of it, in one transaction; None if there is no such group.

        What ``change`` raises goes through, and nothing is changed then.
        """

    def ends(self, span: Span, step_s: float) -> Floats:
        """The starts of the aligned steps of ``step_s`` in which the span's profiles ended, (n,), ascending."""

    def roll_up(self, group: str) -> int:
        """Add some of a group's reports up into buckets, in one short transaction; how many there were."""

    def expire(self, group: str) -> None:
        """Let go of what is kept long enough."""

    def check(self) -> list[str]:
        """What is wrong with the store, in sentences; empty when it is sound."""

    def close(self) -> None:
        """Let go of files and connections."""
