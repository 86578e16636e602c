"""Findings: what the collector has to say about a group, in a sentence, with what it rests on."""

from __future__ import annotations

import hashlib

from kibitz_server.store import StoredFinding

ANOMALY = "anomaly"


def anomaly(
    *, group: str, frame: str, start: float, end: float, usual: float, seen: float, revision: str = ""
) -> StoredFinding:
    """A frame whose share changed from ``usual`` to ``seen`` (fractions) between two times in epoch seconds.

    The id is made of group, frame, direction and start: finding it again an hour later extends it.
    """
    direction = "rose" if seen > usual else "fell"
    reason = f"{frame} {direction} from {usual:.1%} to {seen:.1%} of all samples"
    if revision:
        reason += f", as revision {revision} appeared"
    return StoredFinding(
        id=_identity(ANOMALY, group, frame, direction, f"{start:.0f}"),
        group=group,
        kind=ANOMALY,
        frame=frame,
        start=start,
        end=end,
        reason=f"{reason}.",
        details={"usual_share": usual, "seen_share": seen, "revision": revision},
    )


def _identity(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()[:32]
