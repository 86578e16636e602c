"""The marker: fingerprints hidden at the end of what we post, so that a later run knows what was said.

A forge that hides HTML comments keeps it in one; others get a link definition, which Markdown does not draw, or a plain
reference line. Only the last line of a body counts: source text quoted above it may hold anything, a forged marker included.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_FINGERPRINTS = r"[0-9a-f]{8,64}(?:,[0-9a-f]{8,64})*"
_MARKER = re.compile(
    r"(?:\A|\n)(?:<!-- |\[kibitz\]: # \(|ref: )kibitz:v1(?P<summary> summary)?"
    rf"(?: fp=(?P<fp>{_FINGERPRINTS}))?(?: answer=(?P<answer>[\w:/.-]+))?(?: -->|\))?\s*\Z"
)
KEPT = 16
"""Characters of a fingerprint that travel: 64 bits tell the findings of one pull request apart."""

HIDDEN = "<!-- {} -->"
DEFINITION = "[kibitz]: # ({})"
PLAIN = "ref: {}"


@dataclass(frozen=True, slots=True)
class Mark:
    """What a marker says: which findings, whether they are summed up, or which remark (its id) this is the answer to."""

    fingerprints: frozenset[str] = frozenset()
    summary: bool = False
    answer: str = ""


def shortened(fingerprint: str) -> str:
    """The part of a fingerprint that is written into comments."""
    return fingerprint[:KEPT]


def marker(
    fingerprints: Iterable[str] = (), *, style: str = HIDDEN, summary: bool = False, answer: str = ""
) -> str:
    """The line to be put last in a body; "" if there is nothing to mark."""
    kept = list(dict.fromkeys(map(shortened, fingerprints)))
    words = ["kibitz:v1"]
    words += ["summary"] if summary else []
    words += [f"fp={','.join(kept)}"] if kept else []
    words += [f"answer={answer}"] if answer else []
    return style.format(" ".join(words)) if len(words) > 1 else ""


def mark_of(body: str) -> Mark | None:
    """The marker that ends ``body``, None without one; the caller has checked that the body is our own."""
    match = _MARKER.search(body.replace("\r\n", "\n"))
    if match is None:
        return None
    found = frozenset(map(shortened, match["fp"].split(","))) if match["fp"] else frozenset()
    return Mark(found, match["summary"] is not None, match["answer"] or "")


def fingerprints_in(body: str) -> frozenset[str]:
    """The fingerprints in the marker that ends ``body``."""
    mark = mark_of(body)
    return mark.fingerprints if mark else frozenset()
