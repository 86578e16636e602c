"""What is announced: one JSON object, described by docs/channels.schema.json, and its signature."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from kibitz_server.feedback import instance_id
from kibitz_server.findings import GONE, HEAP
from kibitz_server.store import StoredFinding

VERSION = 1
FOUND, WENT_AWAY, GROWS, TEST = "anomaly.found", "anomaly.went_away", "heap.grows", "test"
SIGNATURE_HEADER = "X-Kibitz-Signature"
DELIVERY_HEADER = "X-Kibitz-Delivery"


def of_finding(finding: StoredFinding, now: float) -> dict[str, Any]:
    """The message for an anomaly, found or gone, or for a heap that grows; ``now`` in epoch seconds."""
    if finding.kind == HEAP:
        return _of_heap(finding, now)
    gone = bool(finding.details.get(GONE))
    return {
        "version": VERSION,
        "event": WENT_AWAY if gone else FOUND,
        "id": f"{instance_id(finding)}:{'gone' if gone else 'found'}",
        "sent": _iso(now),
        "group": finding.group,
        "text": f"{finding.group}: {finding.reason}" + (" It went away." if gone else ""),
        "anomaly": {
            "id": instance_id(finding),
            "frame": finding.frame,
            "direction": finding.details.get("direction", ""),
            "metric": finding.details.get("metric", "total"),
            "usual_share": finding.details.get("usual_share", 0.0),
            "seen_share": finding.details.get("seen_share", 0.0),
            "revision": finding.details.get("revision", ""),
            "start": _iso(finding.start),
            "end": _iso(finding.end),
            "reason": finding.reason,
        },
    }


def _of_heap(finding: StoredFinding, now: float) -> dict[str, Any]:
    details = finding.details
    return {
        "version": VERSION,
        "event": GROWS,
        "id": f"{instance_id(finding)}:found",
        "sent": _iso(now),
        "group": finding.group,
        "text": f"{finding.group}: {finding.reason}",
        "anomaly": None,
        "heap": {
            "id": instance_id(finding),
            "type": finding.frame,
            "instance": details.get("instance", ""),
            "objects_per_hour": details.get("objects_per_hour", 0.0),
            "objects_per_hour_low": details.get("objects_per_hour_low", 0.0),
            "objects_per_hour_high": details.get("objects_per_hour_high", 0.0),
            "bytes_per_hour": details.get("bytes_per_hour", 0.0),
            "grows_with": list(details.get("grows_with", [])),
            "start": _iso(finding.start),
            "end": _iso(finding.end),
            "reason": finding.reason,
        },
    }


def of_test(group: str, identity: str, now: float) -> dict[str, Any]:
    """The message by which a channel is tried."""
    return {
        "version": VERSION,
        "event": TEST,
        "id": identity,
        "sent": _iso(now),
        "group": group,
        "text": f"{group}: this is a test of the channel. Anomalies and heaps that grow will be announced here.",
        "anomaly": None,
    }


def encoded(message: Mapping[str, Any]) -> bytes:
    """The message as it is sent and signed."""
    return json.dumps(message, separators=(",", ":"), sort_keys=True).encode()


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """The value of `SIGNATURE_HEADER`: an HMAC-SHA256 of the time of sending, a full stop and the body.

    The time, epoch seconds, is signed with it: who receives may refuse what is old, so that none can send it again.
    """
    mac = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={mac}"


def _iso(epoch_s: float) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
