"""The payload of the event that started a CI job, from the file that CI wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kibitz_reviewer.forges import ForgeError


def event_of(variable: str, path: str) -> dict[str, Any]:
    """The JSON object in the file at ``path``; empty if there is no file. ``ForgeError`` names ``variable`` for anything else."""
    if not path or not Path(path).is_file():
        return {}
    try:
        payload = json.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ForgeError(f"{variable}: expected a JSON file at {path}, {error}") from None
    return payload if isinstance(payload, dict) else {}
