"""A profile from a file, whatever its kind: its first bytes tell."""

from __future__ import annotations

from pathlib import Path

from kibitz_agent.profile import Profile
from kibitz_server.ingest import IngestError, aws, collapsed, inflate, kibitz, pprof


def read_profile(path: Path) -> Profile:
    """The profile in ``path``; `OSError` if it cannot be read, `IngestError` if it is none."""
    body = path.read_bytes()
    lowered = path.name.lower()
    try:
        if lowered.endswith(".kibitz"):
            return kibitz.decode(body)
        if lowered.endswith(".json"):
            return aws.decode(inflate(body))
        if lowered.endswith(".txt"):
            return collapsed.decode(inflate(body))
        return pprof.decode(body)
    except IngestError as error:
        raise IngestError(f"{path}: {error}") from error
