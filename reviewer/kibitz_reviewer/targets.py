"""What a review is to look at: files named, or the files a change touches with their changed lines."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from kibitz_reviewer.diff import Changes, DiffError, mismatch, parse, split_range
from kibitz_reviewer.repository import Entry, Repository
from kibitz_reviewer.runner import Problem, Target
from kibitz_reviewer.sources import MAX_BYTES, UnreadableError, expand, is_reviewed, read, relative, walk

#: A change is compared with so many files at most.
MAX_OTHERS = 20_000
MAX_FILES = 5_000
MAX_TOTAL_BYTES = 100_000_000
_ODD = frozenset({"", ".", "..", ".git"})
"""No folder or file in a tree is called so, unless somebody made it by hand."""


@dataclass(slots=True)
class Selection:
    """The files to review, and what was left out and why. ``others``: the files around a change, to compare it with."""

    targets: list[Target] = field(default_factory=list)
    others: list[Target] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


class SelectionError(Exception):
    """What was asked for is not there; the message says what was expected."""


def of_paths(paths: Sequence[Path], base: Path) -> Selection:
    """The Python files that ``paths`` name, shown relative to ``base``. Raises ``SelectionError`` for one that is not."""
    for path in paths:
        if not path.exists():
            raise SelectionError(f"{path}: no such file or folder")
    selection = Selection()
    named = {path.absolute() for path in paths}
    for file, reason in expand(paths):
        shown = relative(file, base)
        if reason is None:
            top = _top(file, named) if shown.startswith("/") else None
            selection.targets.append(Target(shown, file, asked=file.absolute() in named, top=top))
        else:
            selection.problems.append(Problem(shown, reason))
    return selection


def _top(file: Path, named: set[Path]) -> Path:
    """The folder that the user named and that holds the file, the outermost of several; its own if the file was named."""
    above = [folder for folder in file.absolute().parents if folder in named]
    return above[-1] if above else file.absolute().parent


def of_diff(text: str, paths: Sequence[Path], base: Path) -> Selection:
    """The Python files that ``BASE`` or ``BASE..HEAD`` changed, shown relative to the repository's top."""
    base_name, head_name = split_range(text)
    repository = Repository(base)
    head = repository.commit(head_name or "HEAD")
    start = repository.base(repository.commit(base_name), head)
    selection = Selection()
    touched = _chosen(
        repository.touched(start, head if head_name else None), selection, repository.root, paths
    )
    changes = repository.changes(start, head if head_name else None, touched)
    files = _reviewable(changes, selection, repository.root, paths)
    blobs = {file.path: file.blob for file in touched}
    contents = (
        repository.contents([blobs[path] for path, _ in files]) if head_name else itertools.repeat(None)
    )
    for (path, changed), content in zip(files, contents, strict=False):
        place, before = repository.root / path, changes.renamed.get(path, "")
        selection.targets.append(Target(path, place, content, frozenset(changed), asked=True, before=before))
    if selection.targets:
        seen = {target.path for target in selection.targets}
        beside = _in_commit(repository, head) if head_name else _on_disk(repository.root)
        selection.others += [target for target in beside if target.path not in seen]
    return selection


def of_patch(file: str, paths: Sequence[Path], base: Path) -> Selection:
    """The Python files on disk that a unified diff (``-``: from standard input) has been applied to."""
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise SelectionError(f"--patch {file}: {error.strerror or error}") from None
    try:
        changes = parse(content)
    except DiffError as error:
        raise DiffError(f"--patch {file}: {error}") from None
    root = _root_of(changes, base)
    selection = Selection()
    for path, changed in _reviewable(changes, selection, root, paths):
        place = root / path
        if not place.exists():
            selection.problems.append(Problem(path, "the patch changes it, but there is no such file here"))
            continue
        selection.targets.append(Target(path, place, None, frozenset(changed), asked=True))
        _compare(path, place, changed, selection)
    seen = {target.path for target in selection.targets}
    if seen:
        selection.others += [target for target in _on_disk(root) if target.path not in seen]
    return selection


def _on_disk(root: Path) -> Iterator[Target]:
    """The Python files beneath ``root``, as far as there are not too many of them."""
    files = (file for file, reason in walk(root) if reason is None and file.suffix == ".py")
    for file in islice(files, MAX_OTHERS):
        yield Target(relative(file, root), file)


def _in_commit(repository: Repository, commit: str) -> Iterator[Target]:
    """The Python files of ``commit``, as far as they are neither too many nor too large."""
    chosen: list[Entry] = []
    room = MAX_TOTAL_BYTES
    for file in repository.files(commit):
        fits = file.size_bytes <= min(room, MAX_BYTES) and len(chosen) < MAX_OTHERS
        if fits and file.path.endswith(".py") and _ODD.isdisjoint(file.path.split("/")):
            chosen.append(file)
            room -= file.size_bytes
    contents = repository.contents([file.blob for file in chosen])
    for file, content in zip(chosen, contents, strict=True):
        yield Target(file.path, repository.root / file.path, content)


def _chosen(touched: Sequence[Entry], selection: Selection, root: Path, paths: Sequence[Path]) -> list[Entry]:
    """The files whose diff is worth reading: Python, inside ``root`` and ``paths``, none of them huge, not too many.

    Whoever changes a hundred thousand files, or hundreds of megabytes, must not be able to stop the review of all.
    """
    top, limits = root.resolve(), [path.resolve() for path in paths]
    chosen: list[Entry] = []
    room = MAX_TOTAL_BYTES
    left = 0
    for file in touched:
        place = (root / file.path).resolve()
        if not is_reviewed(file.path):
            continue
        if not place.is_relative_to(top) or not _ODD.isdisjoint(file.path.split("/")):
            selection.problems.append(Problem(file.path, "skipped: it lies outside the tree"))
        elif limits and not any(place.is_relative_to(limit) for limit in limits):
            continue
        elif file.size_bytes > MAX_BYTES:
            reason = f"skipped: {file.size_bytes:,} bytes is over the limit of {MAX_BYTES:,}"
            selection.problems.append(Problem(file.path, reason))
        elif len(chosen) < MAX_FILES and file.size_bytes <= room:
            chosen.append(file)
            room -= file.size_bytes
        else:
            left += 1
    if left:
        reason = f"{left:,} more files changed than the {len(chosen):,} that were reviewed"
        selection.problems.append(Problem("", reason))
    return chosen


def _reviewable(
    changes: Changes, selection: Selection, root: Path, paths: Sequence[Path]
) -> list[tuple[str, dict[int, str]]]:
    """Python files with added lines, within ``root`` and within ``paths`` if any are given."""
    top = root.resolve()
    limits = [path.resolve() for path in paths]
    found = []
    for path in changes.binary:
        if is_reviewed(path):
            selection.problems.append(Problem(path, "skipped: the change is binary"))
    for path, added in sorted(changes.added.items()):
        place = (root / path).resolve()
        if not is_reviewed(path) or not added:
            continue
        if not place.is_relative_to(top):
            selection.problems.append(Problem(path, "skipped: it lies outside the tree"))
        elif not limits or any(place.is_relative_to(limit) for limit in limits):
            found.append((path, added))
    return found


def _root_of(changes: Changes, base: Path) -> Path:
    """Where a patch's paths start: here, or at the top of the repository if that is where its files are."""
    if any((base / path).exists() for path in changes.added):
        return base
    try:
        return Repository(base).root
    except DiffError:
        return base


def _compare(path: str, place: Path, added: dict[int, str], selection: Selection) -> None:
    try:
        lines = read(place).text.split("\n")
    except UnreadableError:
        return
    line = mismatch(added, lines)
    if line is not None:
        reason = "differs here from what the patch says; is the patch applied?"
        selection.problems.append(Problem(path, reason, line))
