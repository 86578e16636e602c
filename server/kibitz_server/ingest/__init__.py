"""Turning a request's body into a profile: the content type picks the decoder, one file each.

A decoder is one function: ``decode(body) -> Profile``; it raises `IngestError` on anything that is not a profile of
its kind, before it allocates much.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kibitz_agent.profile import Profile

MAX_COMPRESSED_BYTES = 8 << 20
MAX_BODY_BYTES = 64 << 20
_GZIP_MAGIC = b"\x1f\x8b"


class IngestError(ValueError):
    """A body that is refused; the message names what was expected and what came."""


class TooLargeError(IngestError):
    """A body beyond the limits, before or after inflating."""


class UnsupportedTypeError(IngestError):
    """A content type that no decoder serves."""


@dataclass(frozen=True, slots=True)
class Decoder:
    """A profile format: its name as it is stored with the profile, and the function that reads it."""

    name: str
    decode: Callable[[bytes], Profile]


def decoder_for(content_type: str, body: bytes) -> Decoder:
    """The decoder for a body, by its content type; bytes of no declared kind are pprof when they look like it."""
    from kibitz_server.ingest import aws, kibitz, pprof

    kind = content_type.partition(";")[0].strip().lower()
    by_type = {
        kibitz.CONTENT_TYPE: Decoder("kibitz", kibitz.decode),
        "application/json": Decoder("aws", aws.decode),
        **{name: Decoder("pprof", pprof.decode) for name in pprof.CONTENT_TYPES},
    }
    if kind in by_type:
        return by_type[kind]
    if kind in ("", "application/octet-stream") and body.startswith(_GZIP_MAGIC):
        return Decoder("pprof", pprof.decode)
    raise UnsupportedTypeError(
        f"content type {kind or '(none)'!r}: expected one of {', '.join(sorted(by_type))}"
    )


def inflate(body: bytes, limit: int = MAX_BODY_BYTES) -> bytes:
    """A gzip body inflated, at most ``limit`` bytes; a body that is not gzip as it is."""
    if not body.startswith(_GZIP_MAGIC):
        return body
    from kibitz_server.ingest.deflate import fastest

    inflater = fastest.decompressobj(wbits=31)
    try:
        inflated: bytes = inflater.decompress(body, limit + 1)
    except fastest.error as error:
        raise IngestError(f"damaged gzip body ({error})") from error
    if len(inflated) > limit:
        raise TooLargeError(f"the body inflates to more than {limit} bytes")
    if not inflater.eof:
        raise IngestError("the gzip body ends too early: truncated")
    return inflated
