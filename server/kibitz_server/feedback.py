"""What people say of anomalies, thumbs up or down, and what is shown after that."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from kibitz_server.findings import ANOMALY, GONE
from kibitz_server.store import Store, StoredFinding

DOCUMENT = "feedback"
POSITIVE, NEGATIVE = "Positive", "Negative"
LONGEST_COMMENT = 4096
_MORE_THAN_JUDGED = 1.5


class FeedbackError(ValueError):
    """Something that cannot be said of a finding; the message says what can."""


def instance_id(finding: StoredFinding) -> str:
    """A finding's identity as a UUID, which is how AWS and our addresses name it."""
    try:
        return str(uuid.UUID(hex=finding.id))
    except ValueError:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, finding.id))


def judge(store: Store, finding: StoredFinding, kind: str, now: float, comment: str = "") -> None:
    """Keep what a person says of a finding, "Positive" or "Negative"; a later word replaces an earlier one.

    What was found is kept with it: it is that of which later findings are told apart. ``now`` in epoch seconds.
    """
    if kind not in (POSITIVE, NEGATIVE):
        raise FeedbackError(f"type: expected {POSITIVE} or {NEGATIVE}, found {kind[:40]!r}")
    if len(comment) > LONGEST_COMMENT:
        raise FeedbackError(f"comment: at most {LONGEST_COMMENT} characters")
    said = {
        "type": kind,
        "comment": comment,
        "at": now,
        "frame": finding.frame,
        "direction": finding.details.get("direction", ""),
        "change": _change(finding),
    }
    store.change_document(finding.group, DOCUMENT, lambda document: {**document, instance_id(finding): said})


def shown(found: Sequence[StoredFinding], feedback: Mapping[str, Any]) -> list[StoredFinding]:
    """The findings of one group worth showing, in the order to show them.

    An anomaly judged useless is not shown, nor is a later one of the same frame and direction unless it is half as large
    again. Those of frames whose anomalies were judged useful come before others; what went away comes last.
    """
    useful = {said.get("frame") for said in feedback.values() if said.get("type") == POSITIVE}
    kept = [finding for finding in found if not muted(finding, feedback)]
    return sorted(kept, key=lambda one: (bool(one.details.get(GONE)), one.frame not in useful, -one.start))


def muted(finding: StoredFinding, feedback: Mapping[str, Any]) -> bool:
    """Whether what was said of this anomaly, or of one like it, keeps it from being shown."""
    if finding.kind != ANOMALY:
        return False
    own = feedback.get(instance_id(finding))
    if own is not None:
        return bool(own.get("type") == NEGATIVE)
    alike = [
        said
        for said in feedback.values()
        if said.get("frame") == finding.frame and said.get("direction") == finding.details.get("direction")
    ]
    latest = max(alike, key=lambda said: float(said.get("at", 0.0)), default=None)
    return bool(
        latest is not None
        and latest.get("type") == NEGATIVE
        and _change(finding) < _MORE_THAN_JUDGED * float(latest.get("change", 0.0))
    )


def _change(finding: StoredFinding) -> float:
    usual, seen = (float(finding.details.get(key, 0.0)) for key in ("usual_share", "seen_share"))
    return abs(seen - usual)
