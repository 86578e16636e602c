"""Leaves a process's profile in a folder, as a part of the one that the program's first process writes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from kibitz_agent import wire
from kibitz_agent.profile import Profile
from kibitz_agent.reporters import ReportError
from kibitz_agent.reporters.merging import joined, replace_file

_ENDING = ".profile"


class PartReporter:
    """Merges what is reported and leaves it in ``folder``, under the process's id; forked processes leave their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._merged: Profile | None = None
        self._process_id = 0
        self._path = folder

    def configure(self) -> Mapping[str, object] | None:
        """A folder has no opinion."""
        return None

    def report(self, profile: Profile) -> None:
        """Add ``profile`` to this process's part. Once the folder is gone, whoever read it has ended: nothing is done."""
        if os.getpid() != self._process_id:
            self._process_id, self._merged = os.getpid(), None
            # Ids come again: a process must not take the place of one that has ended.
            self._path = self._folder / f"{self._process_id}-{os.urandom(4).hex()}{_ENDING}"
        self._merged = profile if self._merged is None else joined(self._merged, profile)
        if not self._folder.is_dir():
            return
        try:
            replace_file(self._path, wire.encode(self._merged))
        except OSError as error:
            raise ReportError(f"cannot write {self._path}: {error.strerror}") from error

    def close(self, timeout_s: float) -> None:
        """Nothing is left to do."""


def read_parts(folder: Path) -> list[Profile]:
    """The parts that are whole."""
    found = []
    for path in sorted(folder.glob(f"*{_ENDING}")):
        with suppress(OSError, wire.WireError):
            found.append(wire.decode(path.read_bytes()))
    return found
