"""What reporters to files share: profiles of several processes become one, and a file is replaced whole."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from kibitz_agent.profile import Profile, merge


def joined(first: Profile, second: Profile) -> Profile:
    """Both as one, under the first one's name; the period covers both."""
    a, b = first.header, second.header
    if not first.sample_node:
        return second
    header = replace(
        a,
        start_ns=min(a.start_ns, b.start_ns),
        end_ns=max(a.end_ns, b.end_ns),
        limits=tuple(sorted({*a.limits, *b.limits})),
    )
    return merge([first, second], header)


def replace_file(path: Path, content: bytes) -> None:
    """Write so that a reader, or a crash, finds the old content or the new, never half of it."""
    if path.exists() and not path.is_file():  # /dev/stdout and the like
        path.write_bytes(content)
        return
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
