"""How long what is kept."""

from __future__ import annotations

from dataclasses import dataclass

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept, in seconds: single reports, and buckets of 5 minutes, an hour and a day.

    Single reports are kept for longer than a report may be late, as they remember which tokens were seen.
    """

    reports_s: float = 2 * DAY_S
    five_minutes_s: float = 15 * DAY_S
    hours_s: float = 60 * DAY_S
    days_s: float = 3 * 365 * DAY_S

    def of(self, step: int) -> float:
        """How long buckets of ``step`` seconds are kept; 0 stands for single reports."""
        return {0: self.reports_s, 300: self.five_minutes_s, 3600: self.hours_s, 86_400: self.days_s}[step]
