"""Reports into one file, in the format its ending says, for the person with one slow script.

Processes that the program starts hand their profiles over through a folder, and end up in the same file.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from kibitz_agent import exporters
from kibitz_agent.profile import Profile, ProfileBuilder
from kibitz_agent.reporters import ReportError
from kibitz_agent.reporters.merging import joined, replace_file
from kibitz_agent.reporters.part import PartReporter, read_parts


class FileReporter:
    """Merges what is reported and writes it to ``path``: at every report, and at the end.

    ``announce``: say on standard error, once at the end, where the file is. ``summarise``: show there, at the end, where
    the time went; that may be all that is wanted, without a ``path``. Forked processes leave their part in ``parts``.
    """

    def __init__(self, path: Path | None, announce: bool = False, summarise: bool = False) -> None:
        """`exporters.ExportError` if the ending says no format."""
        self._encode = None if path is None else exporters.by_suffix(path)
        self._path, self._announce, self._summarise = path, announce, summarise
        self._process_id = os.getpid()
        self.parts = Path(tempfile.mkdtemp(prefix="kibitz-run-"))
        self._part = PartReporter(self.parts)
        self._merged: Profile | None = None
        self._closed = False

    def configure(self) -> Mapping[str, object] | None:
        """A file has no opinion."""
        return None

    def report(self, profile: Profile) -> None:
        """Add ``profile`` to what the file holds."""
        if os.getpid() != self._process_id:
            self._part.report(profile)
            return
        self._merged = profile if self._merged is None else joined(self._merged, profile)
        self._write(self._merged)

    def close(self, timeout_s: float) -> None:
        """Write the last time, with what other processes left; in one of those, nothing is left to do."""
        del timeout_s
        if self._closed or os.getpid() != self._process_id:
            return
        self._closed = True
        merged = self._merged or ProfileBuilder().build()
        for part in read_parts(self.parts):
            merged = joined(merged, part)
        try:
            self._write(merged)
        finally:
            shutil.rmtree(self.parts, ignore_errors=True)
        if self._announce and self._path is not None:
            _say(merged, self._path)
        if self._summarise:
            _show(merged)

    def _write(self, profile: Profile) -> None:
        if self._path is None or self._encode is None:
            return
        try:
            replace_file(self._path, self._encode(profile))
        except OSError as error:
            raise ReportError(f"cannot write {self._path}: {error.strerror}") from error


def _say(profile: Profile, path: Path) -> None:
    samples = profile.total("samples") if profile.sample_node else 0
    with suppress(OSError, ValueError):
        sys.stderr.write(f"kibitz: {samples:,} samples, see {path}\n")


def _show(profile: Profile) -> None:
    from kibitz_agent.exporters.terminal import summary

    with suppress(OSError, ValueError):
        sys.stderr.write("kibitz: " + summary(profile, shutil.get_terminal_size((100, 40)).columns))
