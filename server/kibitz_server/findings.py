"""Findings: what the collector has to say about a group, in a sentence, with what it rests on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

from kibitz_server.store import StoredFinding

ANOMALY = "anomaly"
HEAP = "heap"
ROSE, FELL = "rose", "fell"
GONE = "gone"


def anomaly(
    *,
    group: str,
    frame: str,
    start: float,
    end: float,
    usual: float,
    seen: float,
    revision: str = "",
    own: bool = False,
) -> StoredFinding:
    """A frame whose share changed from ``usual`` to ``seen`` (fractions) between two times in epoch seconds.

    ``own``: the share of the frame's own code, without what it calls. The id is made of group, frame, direction and
    start: finding it again an hour later extends it.
    """
    direction = ROSE if seen > usual else FELL
    what = f"{frame}, in its own code," if own else frame
    reason = f"{what} {direction} from {_percent(usual, seen)} of all samples"
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
        details={
            "direction": direction,
            "usual_share": usual,
            "seen_share": seen,
            "revision": revision,
            "metric": "self" if own else "total",
        },
    )


def heap_growth(
    *,
    group: str,
    kind: str,
    instance: str,
    start: float,
    end: float,
    counts: tuple[float, float, float],
    bytes_per_hour: float,
    live: tuple[float, float],
    grows_with: Sequence[str] = (),
) -> StoredFinding:
    """A type ``kind`` of which ever more objects live in a process between two times in epoch seconds.

    ``counts``: more of them an hour, with the bounds of that; ``live``: all objects' bytes then and now; ``grows_with``:
    the process's other types that grow. The id is made of group, type and start: other processes that leak the same are
    the same finding.
    """
    more, low, high = counts
    before, after = (size / 2**20 for size in live)
    where = f" in {instance}" if instance else ""
    return StoredFinding(
        id=_identity(HEAP, group, kind, f"{start:.0f}"),
        group=group,
        kind=HEAP,
        frame=kind,
        start=start,
        end=end,
        reason=(
            f"{kind} grows steadily{where}: {more:,.0f} more objects an hour (surely {low:,.0f} to {high:,.0f}); "
            f"its heap went from {before:,.1f} to {after:,.1f} MiB."
        ),
        details={
            "instance": instance,
            "objects_per_hour": more,
            "objects_per_hour_low": low,
            "objects_per_hour_high": high,
            "bytes_per_hour": bytes_per_hour,
            "grows_with": list(grows_with),
        },
    )


def _percent(usual: float, seen: float) -> str:
    """Both shares with as many digits as it takes to tell them apart."""
    digits = 1 if abs(seen - usual) >= 0.002 else 2
    return f"{usual:.{digits}%} to {seen:.{digits}%}"


def is_open(finding: StoredFinding) -> bool:
    """Whether an anomaly still stands: it has not gone away since."""
    return finding.kind == ANOMALY and not finding.details.get(GONE)


def continued(found: Iterable[StoredFinding], known: Iterable[StoredFinding]) -> list[StoredFinding]:
    """``found``, with the id and the outer times of the known finding each one goes on from: same frame and direction, times touching.

    As history grows the baseline moves a little, and with it the hour in which a change seems to begin.
    """
    earlier = list(known)
    result: dict[str, StoredFinding] = {}
    for finding in found:
        before = next((old for old in earlier if _same(old, finding)), None)
        if before is not None:
            start, end = min(before.start, finding.start), max(before.end, finding.end)
            finding = replace(finding, id=before.id, start=start, end=end)
            earlier[earlier.index(before)] = finding  # another part of the same one adds to it
        result[finding.id] = finding
    return list(result.values())


def _same(old: StoredFinding, new: StoredFinding) -> bool:
    return (
        (old.kind, old.group, old.frame) == (new.kind, new.group, new.frame)
        and old.details.get("direction") == new.details.get("direction")
        and old.start <= new.end
        and new.start <= old.end
    )


def _identity(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()[:32]
