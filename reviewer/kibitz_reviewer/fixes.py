"""Fixes: a rule's libcst edit, turned into whole-line edits of the source text."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Repair:
    """What a rule asks for besides the node it puts in place: imports the new code needs."""

    imports: list[tuple[str, str | None]] = field(default_factory=list)

    def add_import(self, module: str, name: str | None = None) -> None:
        """See that ``import module``, or ``from module import name``, is there."""
        if (module, name) not in self.imports:
            self.imports.append((module, name))
