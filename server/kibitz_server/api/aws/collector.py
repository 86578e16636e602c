"""What an operation works with: the store, the settings, the clock, and what is known of live agents."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kibitz_server import settings
from kibitz_server.api import ApiError, not_found
from kibitz_server.settings import GroupSettings
from kibitz_server.store import Group, Store

MOST_HEARTBEATS = 10_000
GROUP_DOCUMENT = "group"  # what AWS calls a group's attributes: platform, tags, client token
ARN_PREFIX = "arn:aws:codeguru-profiler:us-east-1:000000000000:profilingGroup/"


@dataclass(slots=True)
class Heartbeats:
    """When agents last asked for their configuration, by group; kept in memory, the oldest forgotten first."""

    _latest: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def beat(self, group: str, now: float) -> None:
        """An agent of ``group`` asked at ``now`` (epoch seconds)."""
        with self._lock:
            self._latest.pop(group, None)
            self._latest[group] = now
            if len(self._latest) > MOST_HEARTBEATS:
                self._latest.pop(next(iter(self._latest)))

    def latest(self, group: str) -> float | None:
        """The latest beat of a group, epoch seconds; None since this process began."""
        return self._latest.get(group)


@dataclass(frozen=True, slots=True)
class Collector:
    """Operations are functions of one of these and their parameters."""

    store: Store
    auto_create: bool = True
    clock: Callable[[], float] = time.time
    heartbeats: Heartbeats = field(default_factory=Heartbeats)

    def group(self, name: str) -> Group:
        """The group; a ResourceNotFoundException if there is none."""
        found = self.store.group(name)
        if found is None:
            raise not_found(f"no profiling group {name}")
        return found

    def group_of_agent(self, name: str) -> None:
        """Make sure that a group exists which an agent speaks for: made on first contact, unless that is switched off."""
        if self.auto_create:
            self.store.create_group(name, self.clock())
        elif self.store.group(name) is None:
            raise not_found(f"no profiling group {name}, and this collector makes none by itself")

    def settings(self, name: str) -> GroupSettings:
        """The group's settings."""
        return settings.stored(self.store.document(name, settings.DOCUMENT))

    def change(
        self, name: str, kind: str, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    ) -> Mapping[str, Any]:
        """Change one of the group's documents; a ResourceNotFoundException if there is no group."""
        changed = self.store.change_document(name, kind, change)
        if changed is None:
            raise not_found(f"no profiling group {name}")
        return changed


def conflict(message: str) -> ApiError:
    """409: the request does not fit what is there."""
    return ApiError("ConflictException", 409, message)


def quota_exceeded(message: str) -> ApiError:
    """402: there may be no more of these."""
    return ApiError("ServiceQuotaExceededException", 402, message)
