"""Unpacks what a stranger zipped: only files a review reads, only inside the folder, only so many and so much."""

from __future__ import annotations

import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

MAX_ENTRIES = 100_000
MAX_FILE_BYTES = 20_000_000
MAX_TOTAL_BYTES = 1_000_000_000
SUFFIXES = frozenset({".py", ".pyi", ".pyw", ".ipynb", ".toml", ".yml", ".yaml", ".cfg", ".ini"})
_PIECE = 1 << 20


class BundleError(ValueError):
    """The archive is not one we open; the message says why."""


def unpack(archive: Path, folder: Path) -> int:
    """Unpack the reviewable files of the zip at ``archive`` into ``folder``; how many. Raises ``BundleError``."""
    count, total = 0, 0
    try:
        with zipfile.ZipFile(archive) as bundle:
            entries = bundle.infolist()
            if len(entries) > MAX_ENTRIES:
                raise BundleError(f"expected at most {MAX_ENTRIES} entries, got {len(entries)}")
            for entry in entries:
                place = _place(entry)
                if place is None:
                    continue
                size = _write(bundle, entry, folder / place, MAX_TOTAL_BYTES - total)
                count, total = count + (size > 0), total + size
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise BundleError(f"expected a zip archive: {error}") from None
    return count


def _place(entry: zipfile.ZipInfo) -> PurePosixPath | None:
    """Where an entry goes; None for one that is left out: no regular file, not ours to read, or out of the tree."""
    name = PurePosixPath(entry.filename.replace("\\", "/"))
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if entry.is_dir() or kind not in (0, stat.S_IFREG) or name.suffix.lower() not in SUFFIXES:
        return None
    if name.is_absolute() or ".." in name.parts or ":" in entry.filename or "\0" in entry.filename:
        return None
    return name if max(map(len, name.parts)) < 200 and len(name.parts) < 50 else None


def _write(bundle: zipfile.ZipFile, entry: zipfile.ZipInfo, place: Path, room: int) -> int:
    """Write an entry; its size in bytes, 0 if it is too large to be reviewed. What the archive says of sizes is not believed."""
    place.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with bundle.open(entry) as source, place.open("wb") as target:
        while piece := source.read(_PIECE):
            size += len(piece)
            if size > room:
                raise BundleError(f"expected at most {MAX_TOTAL_BYTES} bytes unpacked")
            if size > MAX_FILE_BYTES:
                break
            target.write(piece)
    if size > MAX_FILE_BYTES:
        place.unlink()
        return 0
    return size
