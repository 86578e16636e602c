"""Our own agent's wire form."""

from __future__ import annotations

from kibitz_agent import wire
from kibitz_agent.profile import Profile
from kibitz_server.ingest import IngestError

CONTENT_TYPE = wire.CONTENT_TYPE


def decode(body: bytes) -> Profile:
    """A profile in wire form."""
    try:
        return wire.decode(body)
    except wire.WireError as error:
        raise IngestError(str(error)) from error
