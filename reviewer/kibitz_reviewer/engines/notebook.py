"""Notebooks: the code of their cells as one Python source, with a comment where each cell begins."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kibitz_reviewer.engines.index import Module

_CELL = re.compile(r"# %% cell (\d+)(?:, execution (\d+))?\s*$")
_MAGIC = re.compile(r"(\s*)([%!?].*|\w+\?+\s*)$")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: its number from 1, the line of its marker, and when it was run (0: not known)."""

    number: int
    line: int
    execution: int = 0


def source_of(text: str) -> str:
    """The Python source of a notebook file; ``ValueError`` if it is none."""
    document = json.loads(text)
    if not isinstance(document, dict) or not isinstance(document.get("cells"), list):
        raise ValueError("expected a notebook: a JSON object with cells")  # noqa: TRY004
    parts = []
    for number, cell in enumerate(document["cells"], 1):
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            count = cell.get("execution_count")
            run = f", execution {count}" if isinstance(count, int) else ""
            parts.append(f"# %% cell {number}{run}\n{_code(cell)}")
    return "\n".join(parts) + "\n"


def _code(cell: dict[str, Any]) -> str:
    """A cell's code; magics and shell lines become comments."""
    source = cell.get("source", "")
    text = "".join(source) if isinstance(source, list) else str(source)
    if text.startswith("%%"):
        return "\n".join(f"# {line}" for line in text.split("\n"))
    return "\n".join(_MAGIC.sub(r"\1pass  # \2", line) for line in text.split("\n"))


def cells(module: Module) -> list[Cell]:
    """The cells of a file that came from a notebook (or is written as one), by the comments that begin them."""
    found = []
    for line, comment in sorted(module.comments.items()):
        match = _CELL.match(comment)
        if match is not None:
            found.append(Cell(int(match[1]), line, int(match[2] or 0)))
    return found


def cell_at(listed: Sequence[Cell], line: int) -> Cell | None:
    """The cell that a line belongs to."""
    here = None
    for cell in listed:
        if cell.line <= line:
            here = cell
    return here
