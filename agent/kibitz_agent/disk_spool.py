"""A spool that outlives its process: profiles that could not be sent are kept in a folder for the next one.

Each process has a folder of its own below the group's, and holds a lock on it for as long as it lives. A process that
finds a folder whose lock is free takes its profiles over, by renaming, so that each has one owner at a time. A profile
is one file, named by its token, written beside and renamed: half a file is never taken for a whole one.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType

from kibitz_agent.config import log
from kibitz_agent.spool import MAX_BYTES, MAX_PROFILES, Spool

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # not on Windows: there a folder stays with its process
    fcntl = None

DISK_BYTES = 256 << 20
"""How much one group's profiles may take on disk, all processes together."""

OLDEST_S = 14 * 24 * 3600.0
"""A profile that waited longer is of no use: collectors refuse what is older than a day unless told otherwise."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}\.kibitz")
_LOCK = "lock"


class DiskSpool(Spool):
    """A `Spool` whose profiles are also files in ``folder`` once `keep` is called. Nothing here raises for the disk."""

    def __init__(
        self,
        folder: Path,
        group: str,
        max_profiles: int = MAX_PROFILES,
        max_bytes: int = MAX_BYTES,
        disk_bytes: int = DISK_BYTES,
        now: Callable[[], float] = time.time,
    ) -> None:
        """``folder`` is shared by all processes that should send for each other; it is made when needed."""
        super().__init__(max_profiles, max_bytes)
        # A group's name may hold anything a file's name may not.
        self._group = folder / hashlib.sha256(group.encode()).hexdigest()[:16]
        self._disk_bytes, self._now = disk_bytes, now
        self._own: Path | None = None
        self._lock = -1
        self._kept: set[str] = set()
        self._complained = False

    def keep(self) -> None:
        """Write what is held to disk, as far as it is not there yet and there is room."""
        room = self._disk_bytes - self._used()
        for token, body in self._held.items():
            if token in self._kept or not _NAME.fullmatch(f"{token}.kibitz"):
                continue
            room -= len(body)
            if room < 0:
                self._complain("its bound is reached")
                return
            if not self._write(token, body):
                return

    def adopt(self) -> int:
        """Take over what processes that are gone have left, as far as there is room here; how many that were."""
        found = 0
        for folder in self._folders():
            if folder == self._own or len(self) >= self._max_profiles:
                continue
            lock = _locked(folder / _LOCK)
            if lock < 0:
                continue
            try:
                found += sum(self._take(file) for file in _profiles(folder))
                if not _profiles(folder):
                    with suppress(OSError):
                        (folder / _LOCK).unlink()
                        folder.rmdir()
            finally:
                os.close(lock)
        return found

    def remove(self, token: str) -> None:
        """Let go of one, on disk too."""
        super().remove(token)
        if token in self._kept and self._own is not None:
            self._kept.discard(token)
            with suppress(OSError):
                (self._own / f"{token}.kibitz").unlink()

    def close(self) -> None:
        """Leave what is kept to the next process."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
        if self._own is not None and not _profiles(self._own):
            with suppress(OSError):
                (self._own / _LOCK).unlink()
                self._own.rmdir()
        self._own = None
        self._kept.clear()

    def forget(self) -> None:
        """In a forked child: the parent's profiles and folder are the parent's."""
        self._held.clear()
        self._kept.clear()
        # The lock belongs to the open file, which both have: closing the child's copy leaves the parent's.
        if self._lock >= 0:
            os.close(self._lock)
        self._own, self._lock = None, -1

    def _take(self, file: Path) -> bool:
        """Make another's file ours; a file that is too old, foreign or unreadable is left or removed, never sent."""
        own = self._folder()
        if own is None or len(self) >= self._max_profiles:
            return False
        mine = own / file.name
        try:
            if self._now() - file.stat().st_mtime > OLDEST_S:
                file.unlink()
                return False
            file.rename(mine)
            body = mine.read_bytes()
        except OSError:
            return False
        token = file.stem
        if not body:
            mine.unlink(missing_ok=True)
            return False
        self._kept.add(token)
        self.add(token, body)
        return token in self._held

    def _write(self, token: str, body: bytes) -> bool:
        own = self._folder()
        if own is None:
            return False
        partial = own / f"{token}.part"
        try:
            with partial.open("wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            partial.rename(own / f"{token}.kibitz")
        except OSError as error:
            with suppress(OSError):
                partial.unlink()
            self._complain(error.strerror or type(error).__name__)
            return False
        self._kept.add(token)
        return True

    def _folder(self) -> Path | None:
        """This process's own folder, locked; None where none can be had."""
        if self._own is not None:
            return self._own
        folder = self._group / f"{os.getpid()}-{os.urandom(4).hex()}"
        try:
            # What was profiled is nobody else's business.
            folder.mkdir(mode=0o700, parents=True)
            self._lock = _locked(folder / _LOCK)
        except OSError as error:
            self._complain(error.strerror or type(error).__name__)
            return None
        self._own = folder
        return folder

    def _folders(self) -> list[Path]:
        try:
            return sorted(path for path in self._group.iterdir() if path.is_dir() and not path.is_symlink())
        except OSError:
            return []

    def _used(self) -> int:
        used = 0
        for folder in self._folders():
            for file in _profiles(folder):
                with suppress(OSError):
                    used += file.stat().st_size
        return used

    def _complain(self, why: str) -> None:
        if not self._complained:
            self._complained = True
            log.warning("kibitz: profiles that wait are kept in memory only, not in %s: %s", self._group, why)


def _profiles(folder: Path) -> list[Path]:
    """The whole profiles in a folder, the oldest first."""
    try:
        found = [path for path in folder.iterdir() if _NAME.fullmatch(path.name) and not path.is_symlink()]
        return sorted(found, key=lambda path: path.stat().st_mtime)
    except OSError:
        return []


def _locked(path: Path) -> int:
    """An open file with its lock held, or -1 when another process holds it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return -1
    if fcntl is not None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return -1
    return descriptor
