"""Turning a request's body into a profile: the content type picks the decoder, one file each.

A decoder is one function: ``decode(body) -> Profile``; it raises `IngestError` on anything that is not a profile of
its kind, before it allocates much.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kibitz_agent.profile import Header, Profile, ProfileBuilder

MAX_COMPRESSED_BYTES = 8 << 20
MAX_BODY_BYTES = 64 << 20
MAX_SUM = 1 << 53
"""The most that a profile's values of one type may add up to: 104 days in ns. JavaScript draws it exactly, and the sums of a
thousand such profiles are 64-bit numbers still."""
_GZIP_MAGIC = b"\x1f\x8b"
_PPROF_START = b"\n"  # its first field, and 2: the sample types, which every writer writes first
_MOST_MEMBERS = 256


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
    if kind in ("", "application/octet-stream") and body.startswith((_GZIP_MAGIC, _PPROF_START)):
        return Decoder("pprof", pprof.decode)
    raise UnsupportedTypeError(
        f"content type {kind or '(none)'!r}: expected one of {', '.join(sorted(by_type))}"
    )


def built(builder: ProfileBuilder, header: Header | None = None) -> Profile:
    """What was added to the builder as a profile. `IngestError` where values of a stack are beyond 64 bits."""
    try:
        return builder.build() if header is None else builder.build(header)
    except OverflowError as error:
        raise IngestError("the values of a stack add up to a number beyond 64 bits") from error


def bounded(profile: Profile) -> Profile:
    """The profile, if its values are numbers to count with and its header's texts can be written.

    `IngestError` where one is less than nothing, they add up to more than `MAX_SUM`, or JSON's escapes made half a character.
    """
    header = profile.header
    try:
        f"{header.instance}{header.revision}{header.runtime}{header.agent_version}{header.sampler}".encode()
    except UnicodeEncodeError as error:
        raise IngestError("a text of the header is no Unicode: half of a surrogate pair") from error
    for kind, column in zip(profile.value_types, profile.values, strict=True):
        if not len(column):
            continue
        values = np.frombuffer(column, np.int64)
        if np.minimum.reduce(values) < 0:
            raise IngestError(
                f"a value of {kind.name[:40]!r} is less than nothing: the difference of two profiles?"
            )
        if np.add.reduce(values, dtype=np.float64) > MAX_SUM:
            raise IngestError(
                f"the values of {kind.name[:40]!r} add up to more than {MAX_SUM} {kind.unit[:40]}"
            )
    return profile


def readable(text: str) -> str:
    """The text with "?" for halves of surrogate pairs: Python names bytes of a path that are no UTF-8 so."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def inflate(body: bytes, limit: int = MAX_BODY_BYTES) -> bytes:
    """A gzip body inflated, all its members together at most ``limit`` bytes; a body that is not gzip as it is."""
    if not body.startswith(_GZIP_MAGIC):
        return body
    inflated, at = bytearray(), 0
    for _ in range(_MOST_MEMBERS):
        member, left = _member(memoryview(body)[at:], limit + 1 - len(inflated))
        inflated += member
        if len(inflated) > limit:
            raise TooLargeError(f"the body inflates to more than {limit} bytes")
        at = len(body) - left
        if not body.startswith(_GZIP_MAGIC, at):
            return bytes(inflated)
    raise TooLargeError(f"the gzip body has more than {_MOST_MEMBERS} members")


def _member(body: memoryview, most: int) -> tuple[bytes, int]:
    """The first ``most`` bytes of what a gzip member holds, and how many bytes of the body follow the member."""
    from kibitz_server.ingest.deflate import fastest

    inflater = fastest.decompressobj(wbits=31)
    try:
        inflated: bytes = inflater.decompress(body, most)
    except fastest.error as error:
        raise IngestError(f"damaged gzip body ({error})") from error
    if len(inflated) < most and not inflater.eof:
        raise IngestError("the gzip body ends too early: truncated")
    return inflated, len(inflater.unused_data)
