"""Reading a forge's JSON without believing a word of it: what is missing or of another kind comes out empty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kibitz_reviewer.forges import ForgeError

LONGEST_INTERVAL_S = 60.0


def record(value: object, *keys: str) -> dict[str, Any]:
    """The object at the end of ``keys``; empty if there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def number(value: object) -> int:
    """``value`` if it is a whole number, else 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def records(value: object) -> list[dict[str, Any]]:
    """The objects of a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def needed(environ: Mapping[str, str], name: str, what: str) -> str:
    """The variable ``name``; ``ForgeError`` says that ``what`` is needed."""
    value = environ.get(name, "").strip()
    if not value:
        raise ForgeError(f"{name} is not set: {what}")
    if not value.isascii() or not value.isprintable():
        raise ForgeError(f"{name} holds characters that do not belong there")
    return value


def address(environ: Mapping[str, str], name: str, default: str) -> str:
    """The http(s) address in the variable ``name``, without a slash at its end."""
    base = (environ.get(name, "").strip() or default).rstrip("/")
    if not base.startswith(("https://", "http://")):
        raise ForgeError(f"{name}: expected an http(s) URL such as {default}, got {base!r}")
    return base


def pace(environ: Mapping[str, str]) -> float:
    """Seconds between two writes to a forge: ``KIBITZ_WRITE_INTERVAL_S``, 1 if it is not set."""
    said = environ.get("KIBITZ_WRITE_INTERVAL_S", "").strip() or "1"
    try:
        interval_s = float(said)
    except ValueError:
        interval_s = -1.0
    if not 0 <= interval_s <= LONGEST_INTERVAL_S:
        raise ForgeError(
            f"KIBITZ_WRITE_INTERVAL_S: expected seconds from 0 to {LONGEST_INTERVAL_S:g}, got {said!r}"
        )
    return interval_s


def asked(environ: Mapping[str, str], name: str) -> bool:
    """Whether the switch ``name`` is on."""
    return environ.get(name, "").strip().lower() not in ("", "0", "false", "no")
