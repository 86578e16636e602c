"""Many reports in one body: each a message in wire form after its size, four bytes, little-endian.

Who holds many reports (a spool after an outage, a relay for a fleet) spares both sides a request for each; every message
names its group and its token itself.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from kibitz_server.ingest import IngestError, TooLargeError

CONTENT_TYPE = "application/x-kibitz-profiles"
MOST_REPORTS = 512
_SIZE = struct.Struct("<I")


def messages(body: bytes) -> Iterator[bytes]:
    """The messages in ``body``, one after the other; `IngestError` on one that is cut short."""
    at = count = 0
    while at < len(body):
        count += 1
        if count > MOST_REPORTS:
            raise TooLargeError(f"more than {MOST_REPORTS} reports in one request")
        if at + _SIZE.size > len(body):
            raise IngestError(f"report {count}: {len(body) - at} bytes of its size are there, expected 4")
        (size,) = _SIZE.unpack_from(body, at)
        at += _SIZE.size
        if at + size > len(body):
            raise IngestError(f"report {count}: expected {size} bytes, {len(body) - at} are left")
        yield body[at : at + size]
        at += size


def joined(reports: list[bytes]) -> bytes:
    """The reverse of `messages`."""
    return b"".join(_SIZE.pack(len(report)) + report for report in reports)
