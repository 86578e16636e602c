"""Reports into one file, in the format its ending says, for the person with one slow script.

Children that the program forks hand their profiles to the parent through a folder, and end up in the same file.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from kibitz_agent import exporters, wire
from kibitz_agent.profile import Profile, ProfileBuilder, merge
from kibitz_agent.reporters import ReportError


class FileReporter:
    """Merges what is reported and writes it to ``path``: at every report, and at the end.

    ``announce``: say on standard error, once at the end, where the file is. ``summarise``: show there, at the end, where
    the time went; that may be all that is wanted, without a ``path``.
    """

    def __init__(self, path: Path | None, announce: bool = False, summarise: bool = False) -> None:
        """`exporters.ExportError` if the ending says no format."""
        self._encode = None if path is None else exporters.by_suffix(path)
        self._path, self._announce, self._summarise = path, announce, summarise
        self._process_id = os.getpid()
        self._children = Path(tempfile.mkdtemp(prefix="kibitz-run-"))
        self._merged: Profile | None = None
        self._merged_by = self._process_id
        self._closed = False

    def configure(self) -> Mapping[str, object] | None:
        """A file has no opinion."""
        return None

    def report(self, profile: Profile) -> None:
        """Add ``profile`` to what the file holds."""
        self._notice_fork()
        self._merged = profile if self._merged is None else _joined(self._merged, profile)
        self._write(self._merged)

    def close(self, timeout_s: float) -> None:
        """Write the last time, with what forked children left; from a child, leave it for the parent."""
        del timeout_s
        self._notice_fork()
        if self._closed:
            return
        self._closed = True
        if os.getpid() != self._process_id:
            return
        merged = self._merged or ProfileBuilder().build()
        for child in self._left_by_children():
            merged = _joined(merged, child)
        try:
            self._write(merged)
        finally:
            shutil.rmtree(self._children, ignore_errors=True)
        if self._announce and self._path is not None:
            _say(merged, self._path)
        if self._summarise:
            _show(merged)

    def _notice_fork(self) -> None:
        """In a child: what was merged so far is the parent's to report."""
        if os.getpid() != self._merged_by:
            self._merged, self._merged_by, self._closed = None, os.getpid(), False

    def _write(self, profile: Profile) -> None:
        in_child = os.getpid() != self._process_id
        path = self._children / f"{os.getpid()}.profile" if in_child else self._path
        if in_child and not self._children.is_dir():
            return  # the parent has ended and written the file
        if path is None or (self._encode is None and not in_child):
            return
        try:
            _replace(
                path, wire.encode(profile) if in_child or self._encode is None else self._encode(profile)
            )
        except OSError as error:
            raise ReportError(f"cannot write {path}: {error.strerror}") from error

    def _left_by_children(self) -> list[Profile]:
        found = []
        for path in sorted(self._children.glob("*.profile")):
            with suppress(OSError, wire.WireError):
                found.append(wire.decode(path.read_bytes()))
        return found


def _replace(path: Path, content: bytes) -> None:
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


def _joined(first: Profile, second: Profile) -> Profile:
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


def _say(profile: Profile, path: Path) -> None:
    samples = profile.total("samples") if profile.sample_node else 0
    with suppress(OSError, ValueError):
        sys.stderr.write(f"kibitz: {samples:,} samples, see {path}\n")


def _show(profile: Profile) -> None:
    from kibitz_agent.exporters.terminal import summary

    with suppress(OSError, ValueError):
        sys.stderr.write("kibitz: " + summary(profile, shutil.get_terminal_size((100, 40)).columns))
