"""Recommendations as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from kibitz_server.recommendations.matching import Recommendation
from kibitz_server.recommendations.pattern import CPU, GIL, WALL, Pattern

_OF = {CPU: "of CPU time", WALL: "of the time", GIL: "of the time, waiting for the interpreter's lock"}


def as_text(found: Sequence[Recommendation]) -> str:
    """For people: a paragraph each."""
    if not found:
        return "No known way to waste time is seen in this profile.\n"
    return "\n".join(_paragraph(one) for one in found)


def _paragraph(one: Recommendation) -> str:
    pattern = one.pattern
    lines = [f"{one.share:6.1%} {_OF[pattern.measure]}: {pattern.name} ({pattern.id})"]
    lines += [f"        {text}" for text in (pattern.description,) if text]
    lines += [f"        - {step}" for step in pattern.steps]
    lines += [
        f"        {match.share:6.1%} at {place(match.path, match.file, match.line)}" for match in one.top
    ]
    if pattern.rule:
        lines.append(f"        kibitz review finds it in source: rule {pattern.rule}")
    return "\n".join(lines) + "\n"


def place(path: Sequence[str], file: str, line: int) -> str:
    """Where a match is, in a few words: the caller, where that is, and the frame matched."""
    caller = path[-2] if len(path) > 1 else path[-1]
    where = f" ({file}:{line})" if file and line else f" ({file})" if file else ""
    return f"{caller}{where} > {path[-1]}" if len(path) > 1 else f"{path[-1]}{where}"


def as_json(found: Sequence[Recommendation]) -> str:
    """For programs: ``{"recommendations": [...]}``."""
    return json.dumps({"recommendations": [fields(one) for one in found]}, indent=2) + "\n"


def fields(one: Recommendation) -> dict[str, Any]:
    """A recommendation as plain data; shares are 0 to 1."""
    pattern = one.pattern
    return {
        "id": pattern.id,
        "name": pattern.name,
        "description": pattern.description,
        "steps": list(pattern.steps),
        "measure": pattern.measure,
        "threshold": pattern.threshold,
        "rule": pattern.rule,
        "share": round(one.share, 6),
        "value": one.value,
        "unit": one.unit,
        "samples": one.samples,
        "places": one.places,
        "matches": [
            {"path": list(m.path), "file": m.file, "line": m.line, "share": round(m.share, 6)}
            for m in one.top
        ],
    }


def listed(patterns: Sequence[Pattern], form: str) -> str:
    """The catalogue, by id."""
    chosen = sorted(patterns, key=lambda pattern: pattern.id)
    if form == "json":
        rows = [
            {"id": p.id, "name": p.name, "measure": p.measure, "threshold": p.threshold, "rule": p.rule}
            for p in chosen
        ]
        return json.dumps({"patterns": rows}, indent=2) + "\n"
    return "".join(f"{p.id:20} from {p.threshold:.0%} {_OF[p.measure]}: {p.name}\n" for p in chosen)
