"""Speedscope JSON (https://www.speedscope.app/file-format-schema.json): one "sampled" profile per value type."""

from __future__ import annotations

import json
from typing import Any

from kibitz_agent.profile import Profile

SCHEMA = "https://www.speedscope.app/file-format-schema.json"

_UNITS = {"nanoseconds": "nanoseconds", "bytes": "bytes"}


def encode(profile: Profile) -> bytes:
    """UTF-8 JSON. Samples stand in the profile's order, which is no order in time: use the "left heavy" view."""
    names = [kind.name for kind in profile.value_types]
    document = {
        "$schema": SCHEMA,
        "exporter": f"kibitz {profile.header.agent_version}".strip(),
        "name": profile.header.group or "Profile",
        "activeProfileIndex": names.index("wall") if "wall" in names else 0,
        "shared": {"frames": [_frame(profile, index) for index in range(len(profile.frame_name))]},
        "profiles": [_sampled(profile, index) for index in range(len(names))],
    }
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")


def _frame(profile: Profile, index: int) -> dict[str, Any]:
    frame = profile.frame(index)
    shown: dict[str, Any] = {"name": frame.name}
    if frame.file:
        shown["file"] = frame.file
    if frame.line:
        shown["line"] = frame.line
    return shown


def _sampled(profile: Profile, index: int) -> dict[str, Any]:
    kind = profile.value_types[index]
    weights = [weight for weight in profile.values[index] if weight > 0]
    leaves = [
        node for node, weight in zip(profile.sample_node, profile.values[index], strict=True) if weight > 0
    ]
    return {
        "type": "sampled",
        "name": kind.name,
        "unit": _UNITS.get(kind.unit, "none"),
        "startValue": 0,
        "endValue": sum(weights),
        "samples": [[profile.node_frame[at] for at in profile.path(leaf)] for leaf in leaves],
        "weights": weights,
    }
