"""Comparing the files of a review with each other, and with those around a change."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from kibitz_reviewer import limits, pool
from kibitz_reviewer.duplicates.shape import Shape, shape_of
from kibitz_reviewer.finding import fingerprinted
from kibitz_reviewer.generated import is_generated
from kibitz_reviewer.outcome import Review, Target
from kibitz_reviewer.rules.duplication.duplicate_code import DuplicateCode
from kibitz_reviewer.sources import UnreadableError
from kibitz_reviewer.suppress import keep, suppressions

#: From so many files on the shapes are taken by several processes.
POOL_FROM_FILES = 200


def shape_in(text: str, path: str) -> Shape | None:
    """What a file's code looks like to others; None for stubs, notebooks, and what a program wrote."""
    return shape_of(text) if path.endswith((".py", ".pyw")) and not is_generated(path, text) else None


def shape_file(target: Target) -> Review:
    """The shape of a file and nothing else; none of one that cannot be read."""
    try:
        with limits.time_limit():
            shape = shape_in(target.source().text, target.path)
    except (UnreadableError, limits.TimeIsUpError, MemoryError):
        return Review()
    return Review(shapes={} if shape is None else {target.path: shape})


def compare(targets: Sequence[Target], others: Sequence[Target], result: Review) -> None:
    """Add to ``result`` the duplicates among ``targets``, and between what they change and ``others``."""
    changed = {target.path: target.changed for target in targets if target.changed is not None}
    shapes = {path: result.shapes[path] for path in sorted(result.shapes)}
    result.shapes = {}
    if changed and not any(len(shapes[path]) for path in changed if path in shapes):
        return
    many = len(others) >= POOL_FROM_FILES
    for part in pool.over_processes(others, shape_file) if many else map(shape_file, others):
        shapes.update(part.shapes)
    places = {target.path: target for target in (*others, *targets)}

    @functools.lru_cache(maxsize=256)
    def text_of(path: str) -> str:
        return places[path].source().text

    found = fingerprinted(DuplicateCode().among(shapes, text_of, changed))
    for path in sorted({finding.path for finding in found}):
        kept, suppressed = keep((f for f in found if f.path == path), suppressions(text_of(path)))
        result.findings += kept
        result.suppressed += suppressed
