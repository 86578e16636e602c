"""Lists in pages: a token says after which entry the next page begins.

A token holds the last entry's sort key, so that pages stay in step while entries come and go, and a check sum over the
list's name and filters, so that a token of another list is refused. It matches AWS's ``^[\\w-]{1,64}$``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from kibitz_server.api import validation_error

_T = TypeVar("_T")
Key = tuple[float, bytes]
NO_TIE = bytes(8)
_DEFAULT_RESULTS = 100
_TOKEN = struct.Struct(">d8s8s")


def tie(text: str) -> bytes:
    """Eight bytes that order entries of equal time: stable, and as good as unique."""
    return hashlib.blake2b(text.encode("utf-8", "backslashreplace"), digest_size=8).digest()


def page(
    entries: Sequence[_T],
    key: Callable[[_T], Key],
    given: dict[str, Any],
    listing: str,
    *,
    descending: bool = False,
) -> tuple[list[_T], str | None]:
    """The entries after ``given["nextToken"]``, at most ``given["maxResults"]``, in order of ``key``; the next token."""
    entries = sorted(entries, key=key, reverse=descending)
    token = given.get("nextToken")
    if token is not None:
        after = _read(token, listing)
        entries = [entry for entry in entries if (key(entry) < after if descending else key(entry) > after)]
    count = given.get("maxResults", _DEFAULT_RESULTS)
    chosen = list(entries[:count])
    return chosen, _write(key(chosen[-1]), listing) if len(entries) > count else None


def _write(key: Key, listing: str) -> str:
    return base64.urlsafe_b64encode(_TOKEN.pack(key[0], key[1], tie(listing))).decode().rstrip("=")


def _read(token: str, listing: str) -> Key:
    try:
        moment, order, check = _TOKEN.unpack(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (binascii.Error, struct.error, ValueError) as error:
        raise validation_error("nextToken: not a token of this collector") from error
    if check != tie(listing):
        raise validation_error("nextToken: it belongs to another list, or to the same with other filters")
    return moment, order
