"""Exporters: a profile as a file that people and other tools open. A member is one function ``encode(profile)``."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TypeAlias, cast

from kibitz_agent.profile import Profile

Encode: TypeAlias = Callable[[Profile], bytes]

SUFFIXES = {".html": "html", ".pb.gz": "pprof", ".txt": "collapsed", ".json": "speedscope"}
"""A file's ending and the member of this package that writes it."""

_WHAT = {
    "html": "flame graph page",
    "pprof": "gzipped pprof",
    "collapsed": "collapsed stacks",
    "speedscope": "Speedscope",
}


class ExportError(ValueError):
    """A file name whose ending says no format; the message lists those there are."""


def by_suffix(name: str | Path) -> Encode:
    """The exporter which a file name's ending asks for, in whatever case; `ExportError` for any other."""
    lowered = Path(name).name.lower()
    for suffix, member in SUFFIXES.items():
        if lowered.endswith(suffix):
            return cast("Encode", import_module(f"{__name__}.{member}").encode)
    endings = ", ".join(f"{suffix} ({_WHAT[member]})" for suffix, member in SUFFIXES.items())
    raise ExportError(
        f"cannot tell a format from the file name {str(name)!r}: give it one of the endings {endings}"
    )


def write(profile: Profile, path: str | Path) -> None:
    """Write ``profile`` to ``path`` in the format its ending says; an existing file is replaced."""
    encode = by_suffix(path)
    Path(path).write_bytes(encode(profile))
