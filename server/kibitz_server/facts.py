"""What is known of whole reports, told as labels of their samples: the instance and the revision they came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from kibitz_agent.profile import Labels
from kibitz_server.query import Profiles
from kibitz_server.store import Dictionary, Ints, Part, Samples, Span

KEYS = ("instance", "revision")
SEVERAL = "(several)"


def asked_for(keys: Sequence[str]) -> bool:
    """Whether one of the labels (``key:value``, or a key) is of a whole report."""
    return any(key.partition(":")[0] in KEYS for key in keys)


class Described:
    """A store's samples with their reports' facts among the labels; ask for samples before the dictionary.

    Reports that were added up are of "(several)" instances or revisions where they were not all of one.
    """

    def __init__(self, store: Profiles) -> None:
        self._store = store
        self._sets: dict[tuple[int, Labels], int] = {}

    def samples(self, span: Span, coarsest_s: float = 86_400.0) -> Samples:
        """The span's samples, their label sets replaced by longer ones."""
        samples, known = self._store.samples(span, coarsest_s), self._store.dictionary(span.group).label_sets
        facts = [_facts(part) for part in samples.parts]
        kinds = {told: index for index, told in enumerate(dict.fromkeys(facts))}
        kind_of = np.array([kinds[told] for told in facts], np.int64)[samples.profile]
        both = kind_of * max(1, len(known)) + samples.labels
        pairs, where = np.unique(both, return_inverse=True)
        names = list(kinds)
        ids = [
            self._identity(pair % len(known), names[pair // len(known)], len(known))
            for pair in pairs.tolist()
        ]
        labels: Ints = np.array(ids, np.int64)[where.reshape(-1)]
        return replace(samples, labels=labels)

    def dictionary(self, group: str) -> Dictionary:
        """The group's dictionary with the label sets that `samples` made."""
        whole = self._store.dictionary(group)
        longer = [(*whole.label_sets[index], *facts) for index, facts in self._sets]
        return replace(whole, label_sets=[*whole.label_sets, *longer])

    def _identity(self, labels: int, facts: Labels, known: int) -> int:
        return known + self._sets.setdefault((labels, facts), len(self._sets))


def _facts(part: Part) -> Labels:
    told = {"instance": part.instances - {""}, "revision": part.revisions - {""}}
    return tuple((key, _one(values)) for key, values in told.items() if values)


def _one(values: frozenset[str]) -> str:
    return next(iter(values)) if len(values) == 1 else SEVERAL
