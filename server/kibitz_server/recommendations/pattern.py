"""A pattern: a way to waste time that shows in stacks, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

CPU, WALL, GIL = "cpu", "wall", "gil"
MEASURES = (CPU, WALL, GIL)

ANY_DEPTH = "..."
"""In a sequence: any number of frames, none included."""

IMPORTING = "importlib._bootstrap:*"
"""What a module does while it is imported happens once: almost no pattern speaks of it."""


class PatternError(ValueError):
    """A pattern that breaks the rules; the message names it, the field, and what was expected."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One way to waste time.

    ``frames``: sequences of frame names, caller first; any one of them matches. ``*`` in a name stands for any text,
    an element `ANY_DEPTH` for any frames; without it the next name is that of the direct callee.
    ``unless``: names; a match below (or at) a frame of such a name does not count.
    ``threshold``: the share, 0 to 1, of ``measure`` (`CPU` time, `WALL` time, or wall time waiting for the interpreter's
    lock, `GIL`) from which the pattern speaks.
    ``rule``: the reviewer's rule that finds the same in source, if there is one.
    ``matching`` and ``other``: example profiles, ``{"a:f;b:g": 90}``, which it must and must not speak about.
    """

    id: str
    name: str
    description: str
    steps: tuple[str, ...]
    frames: tuple[tuple[str, ...], ...]
    threshold: float = 0.05
    measure: str = CPU
    unless: tuple[str, ...] = (IMPORTING,)
    rule: str = ""
    matching: Mapping[str, int] = field(default_factory=dict)
    other: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.frames or any(not [f for f in sequence if f != ANY_DEPTH] for sequence in self.frames):
            raise PatternError(f"{self.id}: frames: expected at least one sequence of frame names")
        if not 0 < self.threshold <= 1:
            raise PatternError(
                f"{self.id}: threshold: expected a share above 0 and up to 1, found {self.threshold}"
            )
        if self.measure not in MEASURES:
            raise PatternError(
                f"{self.id}: measure: expected one of {', '.join(MEASURES)}, found {self.measure!r}"
            )
