"""Where patterns come from: this package, one a file; other packages, by entry point; and people's TOML files."""

from __future__ import annotations

import pkgutil
import tomllib
from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from kibitz_server.recommendations import patterns
from kibitz_server.recommendations.pattern import Pattern, PatternError

GROUP = "kibitz.patterns"
"""Entry points of this group name a `Pattern`, or a sequence of them."""

_LISTS = ("steps", "unless")


def built_in() -> list[Pattern]:
    """The patterns of this package, by id."""
    names = sorted(module.name for module in pkgutil.iter_modules(patterns.__path__))
    return [import_module(f"{patterns.__name__}.{name}").PATTERN for name in names]


def catalogue(files: Iterable[Path] = ()) -> list[Pattern]:
    """All patterns; one from an entry point or a file replaces that of the same id. `PatternError` where one is unfit."""
    known = {pattern.id: pattern for pattern in built_in()}
    for point in entry_points(group=GROUP):
        loaded = point.load()
        for pattern in [loaded] if isinstance(loaded, Pattern) else loaded:
            known[pattern.id] = pattern
    for file in files:
        known.update((pattern.id, pattern) for pattern in read(file))
    return list(known.values())


def read(file: Path) -> list[Pattern]:
    """The patterns of a TOML file: tables ``[[pattern]]`` with the fields of `Pattern`."""
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PatternError(f"{file}: {error}") from error
    tables = document.get("pattern")
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise PatternError(f"{file}: expected tables [[pattern]]")
    return [
        _pattern(table, f"{file}: pattern {table.get('id', number)}")
        for number, table in enumerate(tables, 1)
    ]


def _pattern(table: dict[str, Any], where: str) -> Pattern:
    fields: dict[str, Any] = {"name": table.get("id"), "description": "", "steps": (), **table}
    for name in _LISTS:
        if name in fields:
            fields[name] = _texts(fields[name], f"{where}: {name}")
    frames = fields.get("frames")
    if not isinstance(frames, list):
        raise PatternError(f"{where}: frames: expected a list of lists of frame names")
    fields["frames"] = tuple(
        _texts([one] if isinstance(one, str) else one, f"{where}: frames") for one in frames
    )
    for name in ("id", "name", "description"):
        if not isinstance(fields.get(name), str):
            raise PatternError(f"{where}: {name}: expected a text")
    if not isinstance(fields.get("threshold", 0.05), int | float):
        raise PatternError(f"{where}: threshold: expected a share, such as 0.05")
    try:
        return Pattern(**fields)
    except TypeError as error:
        raise PatternError(f"{where}: {error}") from error


def _texts(value: object, where: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(text, str) for text in value):
        raise PatternError(f"{where}: expected a list of texts")
    return tuple(value)
