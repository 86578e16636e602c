"""Parts of a group's samples: those with certain labels, and all of them set apart by one label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from kibitz_agent.profile import Frame, Labels
from kibitz_server.query import LabelFilter, Profiles, QueryError, Tree, merged_tree
from kibitz_server.store import Dictionary, Span

MOST_BRANCHES = 24
NONE = "(none)"
_OTHERS = "(others)"


def label_filter(wanted: Sequence[str]) -> LabelFilter | None:
    """Keeps samples with the labels ``key:value``: any of the values of a key, and so for each key; None: all samples.

    A sample without the key has the value "(none)". `QueryError` on a text without a colon.
    """
    chosen: dict[str, set[str]] = {}
    for text in wanted:
        key, colon, value = text.partition(":")
        if not key or not colon:
            raise QueryError(f"label={text[:40]!r}: expected a key and a value, such as thread:MainThread")
        chosen.setdefault(key, set()).add(value)
    if not chosen:
        return None

    def keep(labels: Labels) -> bool:
        has = {key: str(value) for key, value in labels}
        return all(has.get(key, NONE) in values for key, values in chosen.items())

    return keep


def label_values(store: Profiles, span: Span) -> dict[str, list[str]]:
    """The labels of the span's samples: each key's values, those with the most samples first."""
    samples, dictionary = store.samples(span), store.dictionary(span.group)
    seen = np.bincount(samples.labels, minlength=len(dictionary.label_sets))
    counts: dict[str, dict[str, int]] = {}
    for labels, count in zip(dictionary.label_sets, seen.tolist(), strict=True):
        for key, value in labels if count else ():
            values = counts.setdefault(key, {})
            values[str(value)] = values.get(str(value), 0) + count
    return {key: sorted(values, key=lambda value: -values[value]) for key, values in sorted(counts.items())}


def branched_tree(store: Profiles, span: Span, key: str, keep: LabelFilter | None = None) -> Tree:
    """The span's profiles with one branch per value of the label ``key``, under frames named "key: value".

    At most `MOST_BRANCHES`; the values with the fewest samples share the last one.
    """
    whole = merged_tree(store, span, keep)
    values = label_values(store, span).get(key, [])
    branches = [*values[: MOST_BRANCHES - 1], *([_OTHERS] if len(values) >= MOST_BRANCHES else []), NONE]
    samples, dictionary = store.samples(span), whole.dictionary
    branch_of = _branches(dictionary.label_sets, key, branches)
    kept = np.array([keep is None or keep(labels) for labels in dictionary.label_sets], bool)
    chosen = kept[samples.labels] if len(kept) else np.empty(0, bool)
    size = len(dictionary.parent) + 1
    node = branch_of[samples.labels[chosen]] * size + 1 + samples.node[chosen]
    self_values = np.zeros((size * len(branches), len(whole.value_types)), np.int64)
    np.add.at(self_values, node, samples.values[chosen])
    heads = [Frame(f"{key}: {value}") for value in branches]
    return replace(whole, dictionary=_copied(dictionary, heads), self_values=self_values)


def _branches(label_sets: Sequence[Labels], key: str, branches: list[str]) -> np.ndarray:
    place = {value: index for index, value in enumerate(branches)}
    others = place.get(_OTHERS, place[NONE])
    found = (dict(labels).get(key) for labels in label_sets)
    return np.array(
        [place[NONE] if value is None else place.get(str(value), others) for value in found], np.int64
    )


def _copied(dictionary: Dictionary, heads: list[Frame]) -> Dictionary:
    # One copy of the tree per branch, each under a node of its own, which precedes it.
    size, count = len(dictionary.parent) + 1, len(heads)
    offsets = np.repeat(np.arange(count) * size, size)
    above = np.concatenate([[-1], dictionary.parent + 1])
    parent = np.tile(above, count)
    parent = np.where(parent >= 0, parent + offsets, -1)
    frame = np.tile(np.concatenate([[0], dictionary.frame]), count)
    frame[::size] = len(dictionary.frames) + np.arange(count)
    return Dictionary(
        parent.astype(np.int64),
        frame.astype(np.int64),
        np.tile(np.concatenate([[0], dictionary.line]), count).astype(np.int64),
        np.tile(np.concatenate([[0], dictionary.depth + 1]), count).astype(np.int64),
        [*dictionary.frames, *heads],
        dictionary.label_sets,
    )
