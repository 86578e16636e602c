"""What a review is given and what comes of it: targets, findings, problems."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from kibitz_reviewer.duplicates.shape import Shape
from kibitz_reviewer.finding import Finding
from kibitz_reviewer.sources import Source, decode, read


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that kept (part of) a file from being reviewed. ``broken``: the file itself is at fault."""

    path: str
    message: str
    line: int = 0
    broken: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """One file to review: the path to show, where it is on disk, and its bytes where they are not those on disk.

    ``changed`` limits the findings to those that touch these lines; None: no limit. ``asked``: the user named this very
    file, or the change touches it. ``fixes``: work out how findings can be fixed; ``dataflow``: follow values.
    ``before``: the path the file had before the change, "" for the same. ``top``: for a file that is shown by its absolute path, the
    folder named by the user in which it lies.
    """

    path: str
    place: Path
    content: bytes | None = None
    changed: frozenset[int] | None = None
    asked: bool = False
    fixes: bool = True
    dataflow: bool = True
    before: str = ""
    top: Path | None = None

    def source(self) -> Source:
        """The file's text; raises ``UnreadableError``."""
        return read(self.place) if self.content is None else decode(self.content)


@dataclass(slots=True)
class Review:
    """The outcome: findings in order, problems, and the size of what was looked at."""

    findings: list[Finding] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    files: int = 0
    lines: int = 0
    suppressed: int = 0
    #: The shape of each file, from which duplicates are found once all are there.
    shapes: dict[str, Shape] = field(default_factory=dict)

    def add(self, other: Review) -> None:
        """Take in the outcome of other files."""
        self.findings += other.findings
        self.problems += other.problems
        self.files += other.files
        self.lines += other.lines
        self.suppressed += other.suppressed
        self.shapes.update(other.shapes)
