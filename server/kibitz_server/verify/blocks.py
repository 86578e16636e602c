"""The samples of two revisions as blocks: one host's samples of one hour."""

from __future__ import annotations

import numpy as np

from kibitz_agent.profile import RUNNING, THREAD_STATE
from kibitz_server import query
from kibitz_server.store import Dictionary, Ints, Part, Samples, Span, Store
from kibitz_server.verify.judge import Blocks

HOUR_S = 3600.0


def blocks_of(store: Store, span: Span, baseline: str, candidate: str) -> Blocks:
    """Counts of running samples by function and block. Reports of several hosts or revisions in one are left out."""
    samples, dictionary = store.samples(span, coarsest_s=HOUR_S), store.dictionary(span.group)
    keys = [_key(part, baseline, candidate) for part in samples.parts]
    blocks = sorted({key for key in keys if key is not None})
    hosts = sorted({host for _, host, _ in blocks})
    own = np.zeros((len(dictionary.frames), len(blocks)))
    total = np.zeros_like(own)
    row_counts = _running(samples, dictionary)
    number = {block: index for index, block in enumerate(blocks)}
    of_part = np.array([-1 if key is None else number[key] for key in keys], np.int64)
    of_row = of_part[samples.profile] if len(of_part) else np.empty(0, np.int64)
    for block in range(len(blocks)):
        rows = of_row == block
        per_node = np.zeros((len(dictionary.parent), 1), np.int64)
        np.add.at(per_node[:, 0], samples.node[rows], row_counts[rows])
        np.add.at(own[:, block], dictionary.frame, per_node[:, 0])
        total[:, block] = query.frame_totals(dictionary, query.subtree_sums(dictionary, per_node)[:, 0])
    return Blocks(
        [frame.name for frame in dictionary.frames],
        own,
        total,
        np.array([hosts.index(host) for _, host, _ in blocks], np.int64),
        np.array([revision == candidate for revision, _, _ in blocks], bool),
    )


def _key(part: Part, baseline: str, candidate: str) -> tuple[str, str, int] | None:
    if len(part.revisions) != 1 or len(part.instances) != 1:
        return None
    (revision,), (host,) = part.revisions, part.instances
    return (revision, host, int(part.end // HOUR_S)) if revision in (baseline, candidate) else None


def _running(samples: Samples, dictionary: Dictionary) -> Ints:
    """(rows,): counts of samples, 0 where the thread was waiting."""
    column = next((i for i, kind in enumerate(samples.value_types) if kind.name == "samples"), 0)
    states = [dict(labels).get(THREAD_STATE, RUNNING) for labels in dictionary.label_sets]
    running = np.array([state == RUNNING for state in states], bool)
    if not len(samples.node):
        return np.empty(0, np.int64)
    return np.where(running[samples.labels], samples.values[:, column], 0)
