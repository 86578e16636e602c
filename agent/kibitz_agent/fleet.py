"""Who is profiled: the group, the instance, the process, the revision and the machine it runs on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Identity:
    """The header fields that stay the same over an agent's life; see `profile.Header` for their meaning."""

    group: str = ""
    instance: str = ""
    process_id: int = 0
    revision: str = ""
    host: Mapping[str, str | int | float] = field(default_factory=dict)
