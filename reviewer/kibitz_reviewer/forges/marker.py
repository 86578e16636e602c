"""The marker: fingerprints hidden at the end of what we post, so that a later run knows what was said.

The marker is an HTML comment, which the forge keeps but does not show. Only the last line of a body counts: source text
quoted above it may hold anything, a forged marker included, and must not be believed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_MARKER = re.compile(r"(?:\A|\n)<!-- kibitz:v1 fp=([0-9a-f]{8,64}(?:,[0-9a-f]{8,64})*) -->\s*\Z")
KEPT = 16
"""Characters of a fingerprint that travel: 64 bits tell the findings of one pull request apart."""


def shortened(fingerprint: str) -> str:
    """The part of a fingerprint that is written into comments."""
    return fingerprint[:KEPT]


def marker(fingerprints: Iterable[str]) -> str:
    """The line that carries ``fingerprints``, to be put last in a body; "" for none."""
    kept = list(dict.fromkeys(map(shortened, fingerprints)))
    return f"<!-- kibitz:v1 fp={','.join(kept)} -->" if kept else ""


def fingerprints_in(body: str) -> frozenset[str]:
    """The fingerprints in the marker that ends ``body``; the caller has checked that the body is our own."""
    match = _MARKER.search(body.replace("\r\n", "\n"))
    return frozenset(map(shortened, match[1].split(","))) if match else frozenset()
