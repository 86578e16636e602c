"""Where profiles go: each reporter is one file in this folder and offers the three methods of `Reporter`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from kibitz_agent.profile import Profile


class ReportError(Exception):
    """A profile could not be handed over, or the collector refused it; the profiler keeps going."""


class Reporter(Protocol):
    """Takes finished profiles away. Called by the profiler's shipping thread, one call at a time."""

    def configure(self) -> Mapping[str, object] | None:
        """The collector's configuration in the shape of ConfigureAgent's answer.

        None when there is no collector or it cannot be reached: the settings then stay as they are.
        """

    def report(self, profile: Profile) -> None:
        """Hand over one profile, keeping it for a retry if need be; may raise `ReportError`."""

    def close(self, timeout_s: float) -> None:
        """Send what is still held, within ``timeout_s`` seconds, and let go of threads and sockets."""
