"""Reading source files: which ones, in what encoding, and what is refused, each refusal with its reason."""

from __future__ import annotations

import io
import os
import re
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

MAX_BYTES = 1_000_000
UNDECLARED = "not UTF-8, and no coding line on line 1 or 2 says what else (PEP 263)"
BOM = b"\xef\xbb\xbf"
SUFFIXES = frozenset({".py", ".pyi", ".pyw", ".ipynb"})
NOTEBOOK = ".ipynb"
PYPROJECT = "pyproject.toml"
_REQUIREMENTS = re.compile(r"(?:^|/)(?:requirements[\w.-]*\.txt|requirements/[\w.-]+\.txt)$")
SKIPPED_FOLDERS = frozenset({"__pycache__", "node_modules", "site-packages", "__pypackages__"})


class UnreadableError(Exception):
    """A file that is not reviewed, and why. ``broken``: it claims to be Python and cannot be read as such."""

    def __init__(self, reason: str, *, broken: bool = False) -> None:
        super().__init__(reason)
        self.broken = broken


@dataclass(frozen=True, slots=True)
class Source:
    """A file's text as Python would decode it (PEP 263), line ends untouched, and how to write it back."""

    text: str
    encoding: str
    bom: bool = False

    def encode(self, text: str) -> bytes:
        """``text`` in the file's own encoding; ``UnicodeEncodeError`` if it does not fit."""
        return (BOM if self.bom else b"") + text.encode(self.encoding)


def decode(content: bytes) -> Source:
    """The text of a Python file's bytes; raises ``UnreadableError``."""
    if len(content) > MAX_BYTES:
        raise UnreadableError(f"skipped: {len(content):,} bytes is over the limit of {MAX_BYTES:,}")
    if b"\0" in content:
        raise UnreadableError("not Python source: it holds NUL bytes", broken=True)
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
    except SyntaxError as error:
        declared = any(b"coding" in line for line in content.split(b"\n", 2)[:2])
        raise UnreadableError(
            f"cannot be decoded: {error if declared else UNDECLARED}", broken=True
        ) from None
    bom = content.startswith(BOM)
    encoding = "utf-8" if encoding == "utf-8-sig" else encoding
    try:
        text = content.removeprefix(BOM).decode(encoding) if bom else content.decode(encoding)
    except (UnicodeError, LookupError, ValueError) as error:
        reason = UNDECLARED if encoding == "utf-8" else f"as {encoding}: {error}"
        raise UnreadableError(f"cannot be decoded: {reason}", broken=True) from None
    return Source(text, encoding, bom)


def read(path: Path) -> Source:
    """The source text of a file; raises ``UnreadableError``, also for what is no regular file."""
    try:
        if not path.is_file():
            raise UnreadableError("not a regular file")
        with path.open("rb") as file:
            return decode(
                file.read(MAX_BYTES + 1) if path.stat().st_size <= MAX_BYTES else _refuse_size(path)
            )
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror or error}", broken=True) from None


def walk(folder: Path) -> Iterator[tuple[Path, str | None]]:
    """(file, None) for each Python file beneath ``folder`` in a fixed order, (file, reason) for those left out.

    Hidden folders, caches and virtual environments are passed over; links are followed only within the tree.
    """
    root = folder.resolve()
    for here, folders, files in os.walk(folder):
        place = Path(here)
        folders[:] = sorted(name for name in folders if _is_entered(place / name))
        for name in sorted(files):
            path = place / name
            if is_reviewed(path.as_posix()):
                yield path, _left_out(path, root)


def is_manifest(path: str) -> bool:
    """Whether the file at ``path`` (forward slashes) says what is installed."""
    return path.rpartition("/")[2] == PYPROJECT or _REQUIREMENTS.search(path) is not None


def is_reviewed(path: str) -> bool:
    """Whether a file of that name is one to review: Python, or what says what is installed."""
    return PurePosixPath(path).suffix in SUFFIXES or is_manifest(path)


def relative(path: Path, base: Path) -> str:
    """``path`` below ``base`` with forward slashes; as it stands if it lies elsewhere."""
    absolute = Path(os.path.abspath(path))  # noqa: PTH100  (resolve() would follow links)
    try:
        return absolute.relative_to(base).as_posix()
    except ValueError:
        return absolute.as_posix()


def expand(paths: Iterable[Path]) -> Iterator[tuple[Path, str | None]]:
    """Every file that ``paths`` name: files as they are, folders walked; each file once."""
    seen: set[Path] = set()
    for path in paths:
        for file, reason in walk(path) if path.is_dir() else [(path, None)]:
            key = file.absolute()
            if key not in seen:
                seen.add(key)
                yield file, reason


def _refuse_size(path: Path) -> bytes:
    size = path.stat().st_size
    raise UnreadableError(f"skipped: {size:,} bytes is over the limit of {MAX_BYTES:,}")


def _is_entered(folder: Path) -> bool:
    name = folder.name
    if name.startswith(".") or name in SKIPPED_FOLDERS:
        return False
    return not (folder / "pyvenv.cfg").exists()


def _left_out(path: Path, root: Path) -> str | None:
    if not path.is_symlink():
        return None
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError):
        return "skipped: a link to nowhere"
    return None if target.is_relative_to(root) else "skipped: a link out of the tree"
