"""A finding: one place in one file where one rule has something to say."""

from __future__ import annotations

import enum
import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

MAX_ORDINAL = 1_000
"""So many equal lines of one function are told apart where a file is renamed."""


class Severity(enum.IntEnum):
    """How much a finding matters; ordered, so ``finding.severity >= Severity.HIGH`` reads as it should."""

    INFO = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5

    @property
    def label(self) -> str:
        """The word people and files use: ``High``."""
        return self.name.capitalize()

    @classmethod
    def named(cls, word: str) -> Severity:
        """The severity that ``word`` (any case) names; ``ValueError`` says which words there are."""
        try:
            return cls[word.strip().upper()]
        except KeyError:
            known = ", ".join(member.name.lower() for member in cls)
            raise ValueError(f"expected a severity ({known}), got {word!r}") from None


class Confidence(enum.IntEnum):
    """How sure a rule is; a finding of low confidence never becomes an inline comment."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3

    @property
    def label(self) -> str:
        """The word people and files use: ``Medium``."""
        return self.name.capitalize()


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace lines ``line`` to ``end_line`` (1-based, inclusive) by ``text``, which ends in a newline or is empty.

    ``end_line == line - 1`` inserts before ``line``. Whole lines, because that is what forges can suggest.
    """

    line: int
    end_line: int
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """A change that removes the finding. ``safe``: behaviour stays; otherwise it is a suggestion to read first."""

    title: str
    safe: bool
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One place on the way of a value: a file, a 1-based range on one line (end exclusive), and what happens there."""

    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    note: str


@dataclass(frozen=True, slots=True)
class Heat:
    """How much of what a program does goes through the function a finding is in: ``share`` (0 to 1) of ``measure``.

    ``where``: in which program and time, in words: "`shop` in the last 7 days".
    """

    share: float
    where: str
    measure: str = "CPU time"

    def __str__(self) -> str:
        percent = f"{100 * self.share:.0f}" if self.share >= 0.1 else f"{100 * self.share:.1f}"
        return f"{percent} % of {self.measure} in {self.where}"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found and where. Lines and columns are 1-based, columns count characters, ``end_column`` is exclusive.

    ``rule`` is the rule's id (``mutable-default``; pylint's symbol behind ``pylint-`` for its messages), ``path`` is
    relative with forward slashes, ``scope`` the qualified name of the function or class around it ("" at module level),
    ``snippet`` the text the finding covers, ``source_line`` the whole of its first line. ``fingerprint`` survives moves within a file: no line number goes into it.
    ``steps``: how what does harm got here, from where it entered to where it is used; empty for most rules.
    ``anchor`` (line, column, end line, end column) is the node a fix changes, where it is not the finding's own.
    ``heat``: None where no profile was asked, or it hardly saw the function.
    """

    rule: str
    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    message: str
    severity: Severity
    category: str
    confidence: Confidence = Confidence.HIGH
    cwe: tuple[int, ...] = ()
    scope: str = ""
    snippet: str = ""
    source_line: str = ""
    fingerprint: str = ""
    fix: Fix | None = None
    anchor: tuple[str, int, int, int, int] | None = None
    steps: tuple[Step, ...] = ()
    heat: Heat | None = None

    @property
    def order(self) -> tuple[str, int, int, str]:
        """Sort key: by file, then place, then rule."""
        return (self.path, self.line, self.column, self.rule)


def fingerprinted(findings: Iterable[Finding]) -> list[Finding]:
    """``findings`` in order, each with its fingerprint: rule, path, scope, normalised source and an ordinal.

    The ordinal tells equal lines of one function apart. The same code moved to other lines keeps its fingerprint.
    """
    seen: Counter[tuple[str, ...]] = Counter()
    result = []
    for finding in sorted(findings, key=lambda finding: finding.order):
        identity = _identity(finding, finding.path)
        ordinal = seen[identity]
        seen[identity] += 1
        result.append(replace(finding, fingerprint=_digest(identity, ordinal)))
    return result


def fingerprint_at(finding: Finding, path: str) -> str:
    """The fingerprint that ``finding`` would have if its file were called ``path``; "" if its own is not by our rules."""
    here = _identity(finding, finding.path)
    for ordinal in range(MAX_ORDINAL):
        if _digest(here, ordinal) == finding.fingerprint:
            return _digest(_identity(finding, path), ordinal)
    return ""


def _identity(finding: Finding, path: str) -> tuple[str, ...]:
    return (finding.rule, path, finding.scope, " ".join(finding.snippet.split()))


def _digest(identity: tuple[str, ...], ordinal: int) -> str:
    text = "\0".join((*identity, str(ordinal))).encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[:32]
