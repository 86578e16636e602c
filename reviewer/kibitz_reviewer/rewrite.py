"""Rewriting files: safe fixes are applied round by round, and each round is parsed and reviewed before it counts."""

from __future__ import annotations

from dataclasses import dataclass

from kibitz_reviewer.fixes import apply_edits, compatible, moved, write_atomically
from kibitz_reviewer.runner import Target, review_source
from kibitz_reviewer.sources import NOTEBOOK, UnreadableError, is_manifest, read

MAX_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A text with its safe fixes made: how many findings that removed, and the changed lines as they are now."""

    text: str
    fixed: int
    changed: frozenset[int] | None


def rewrite(text: str, path: str, changed: frozenset[int] | None = None) -> Rewritten:
    """``text`` after its safe fixes, limited to findings on ``changed`` lines. A round that does not help is undone."""
    fixed = 0
    review = review_source(text, path, changed)
    for _ in range(MAX_ROUNDS):
        edits = compatible(f.fix for f in review.findings if f.fix is not None and f.fix.safe)
        if not edits:
            break
        after_text = apply_edits(text, edits)
        after_changed = None if changed is None else frozenset(moved(set(changed), edits))
        after = review_source(after_text, path, after_changed)
        if after.problems != review.problems or len(after.findings) >= len(review.findings):
            break
        fixed += len(review.findings) - len(after.findings)
        text, changed, review = after_text, after_changed, after
    return Rewritten(text, fixed, changed)


def rewrite_file(target: Target) -> tuple[int, frozenset[int] | None]:
    """Fix a file on disk; returns how many findings are gone, and where its changed lines are now. Raises ``UnreadableError`` if it cannot be written back."""
    source = read(target.place)
    if target.path.endswith(NOTEBOOK) or is_manifest(target.path):
        return 0, target.changed
    result = rewrite(source.text, target.path, target.changed)
    if result.text != source.text:
        try:
            write_atomically(target.place, source.encode(result.text))
        except UnicodeEncodeError as error:
            raise UnreadableError(f"fix not written: {error.reason} in {source.encoding}") from None
        except OSError as error:
            raise UnreadableError(f"fix not written: {error.strerror or error}") from None
    return result.fixed, result.changed
