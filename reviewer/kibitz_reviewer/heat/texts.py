"""The git blob ids of reviewed files, now and in the commits before: whichever of them ran, the profile names it."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from kibitz_reviewer.diff import DiffError
from kibitz_reviewer.repository import Repository
from kibitz_reviewer.runner import Target
from kibitz_reviewer.sources import MAX_BYTES


def texts_of(
    targets: Iterable[Target], paths: set[str], inside: Path, base: str
) -> Mapping[str, frozenset[str]]:
    """By path, the blob ids of those of ``targets`` in ``paths``, now and in the year before ``base`` (a commit, "" for HEAD)."""
    found: dict[str, set[str]] = defaultdict(set)
    concerned = [target for target in targets if target.path in paths]
    names: dict[str, str] = {}
    for target in concerned:
        found[target.path].add(_blob(target))
        names[target.before or target.path] = target.path
    if not concerned:
        return {}
    try:
        history = Repository(inside).blobs(base or "HEAD", list(names))
    except DiffError:
        history = []
    for name, blob in history:
        if name in names:
            found[names[name]].add(blob)
    return {path: frozenset(blobs - {""}) for path, blobs in found.items()}


def _blob(target: Target) -> str:
    """The id git gives a file's content; "" if it cannot be read or is too large."""
    try:
        content = target.content
        if content is None:
            content = target.place.read_bytes() if target.place.stat().st_size <= MAX_BYTES else b""
    except OSError:
        return ""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
