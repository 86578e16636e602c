"""Questions to the store: merged call trees, top functions, shares over time. Whole arrays, no loop per node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from kibitz_agent.profile import THREAD_STATE, Frame, Header, Labels, Profile, ProfileBuilder, ValueType
from kibitz_server.store import Dictionary, Ints, Samples, Span

HOUR_S = 3600.0

LabelFilter = Callable[[Labels], bool]


class Profiles(Protocol):
    """What a question needs of a store: the samples of a span, and what they are made of."""

    def samples(self, span: Span, coarsest_s: float = 86_400.0) -> Samples:
        """All samples of the span's profiles."""

    def dictionary(self, group: str) -> Dictionary:
        """The group's call tree and label sets."""


class QueryError(ValueError):
    """A question that makes no sense here: an unknown value type, a range that ends before it starts."""


@dataclass(frozen=True, slots=True)
class Tree:
    """Profiles merged. ``self`` is (nodes, value types) and dense over the group's dictionary: row i is node i.

    ``covered_s``: from the first profile's start to the last one's end.
    """

    dictionary: Dictionary
    value_types: tuple[ValueType, ...]
    self_values: Ints
    profiles: int
    instances: int
    limits: tuple[str, ...]
    estimated_states: bool
    revisions: tuple[str, ...] = ()
    covered_s: float = 0.0

    def column(self, value: str) -> int:
        """The column of the value type called ``value``; `QueryError` names those there are."""
        for index, value_type in enumerate(self.value_types):
            if value_type.name == value:
                return index
        raise QueryError(
            f"no values of type {value!r}: there are {', '.join(t.name for t in self.value_types)}"
        )

    def totals(self) -> Ints:
        """(nodes, value types): each node's own values and those of everything below it."""
        return subtree_sums(self.dictionary, self.self_values)


@dataclass(frozen=True, slots=True)
class Function:
    """One function's share of a merged tree, over all places it was called from."""

    frame: Frame
    self_value: int
    total: int


@dataclass(frozen=True, slots=True)
class HourlyShares:
    """Per frame and hour, the frame's share of all samples seen in that hour.

    ``self_share`` and ``total_share`` are (frames, hours), 0 where nothing arrived; ``samples`` is (hours,), the number
    of samples behind each column; ``hours`` is (hours,), their starts in epoch seconds; ``stack_parent`` is (frames,),
    the frame that most often calls each one, -1 for roots; ``calls`` is (pairs, 2): who was ever seen called, and by whom.
    """

    frames: Sequence[Frame]
    hours: npt.NDArray[np.float64]
    samples: Ints
    self_share: npt.NDArray[np.float64]
    total_share: npt.NDArray[np.float64]
    stack_parent: Ints
    calls: Ints
    revisions: Sequence[frozenset[str]]


@dataclass(frozen=True, slots=True)
class FrameSeries:
    """Frames' total samples over time: ``totals`` (frames, buckets), ``starts``, ``samples``, ``profiles`` (buckets,).

    ``starts`` are epoch seconds, ``samples`` all samples of the bucket, ``profiles`` how many reports fell into it,
    ``revisions`` those that reported in it.
    """

    dictionary: Dictionary
    starts: npt.NDArray[np.float64]
    totals: Ints
    samples: Ints
    profiles: Ints
    revisions: Sequence[frozenset[str]] = ()

    def shares(self, name: str) -> npt.NDArray[np.float64]:
        """The share of the frames called ``name`` in each bucket's samples, (buckets,), 0 where nothing arrived."""
        wanted = [index for index, frame in enumerate(self.dictionary.frames) if frame.name == name]
        shares: npt.NDArray[np.float64] = self.totals[wanted].sum(axis=0) / np.maximum(self.samples, 1)
        return np.minimum(shares, 1.0)

    def largest_shares(self, count: int) -> dict[str, npt.NDArray[np.float64]]:
        """By name, the shares (buckets,) of the ``count`` functions with the largest totals, largest first."""
        order = np.argsort(-self.totals.sum(axis=1), kind="stable")[: 2 * count]
        sums: dict[str, Ints] = {}
        for index in order.tolist():
            if self.totals[index].any():
                name = self.dictionary.frames[index].name
                sums[name] = sums.get(name, 0) + self.totals[index]
        whole = np.maximum(self.samples, 1)
        return {name: np.minimum(total / whole, 1.0) for name, total in list(sums.items())[:count]}

    def largest(self, count: int) -> list[str]:
        """The names of the ``count`` frames with the largest totals over all buckets."""
        order = np.argsort(-self.totals.sum(axis=1), kind="stable")
        names = (self.dictionary.frames[index].name for index in order.tolist() if self.totals[index].any())
        return list(dict.fromkeys(names))[:count]


@dataclass(frozen=True, slots=True)
class StateSamples:
    """Self samples by node and thread state: ``counts`` is (nodes, states); the state "" is for samples without one."""

    dictionary: Dictionary
    states: tuple[str, ...]
    counts: Ints

    def totals(self) -> Ints:
        """(nodes,): samples of each node and everything below it, over all states."""
        return subtree_sums(self.dictionary, self.counts.sum(axis=1, keepdims=True))[:, 0]


def merged_tree(store: Profiles, span: Span, keep: LabelFilter | None = None) -> Tree:
    """The span's profiles as one tree; ``keep`` chooses label sets."""
    _check(span)
    samples, dictionary = store.samples(span), store.dictionary(span.group)
    node, values = samples.node, samples.values
    if keep is not None:
        chosen = _chosen(samples, dictionary, keep)
        node, values = node[chosen], values[chosen]
    self_values = _sums(node, values, len(dictionary.parent))
    limits = sorted({limit for part in samples.parts for limit in part.limits})
    estimated = any("aws" in part.samplers for part in samples.parts)
    return Tree(
        dictionary,
        samples.value_types,
        self_values,
        sum(part.profiles for part in samples.parts),
        len(frozenset().union(*(part.instances for part in samples.parts))),
        tuple(limits),
        estimated,
        _revisions(samples),
        max((part.end for part in samples.parts), default=0.0)
        - min((part.start for part in samples.parts), default=0.0),
    )


def top_functions(tree: Tree, value: str, limit: int) -> list[Function]:
    """The ``limit`` functions with the largest self value, largest first. Recursion counts once in a total."""
    self_values, totals = function_values(tree, value)
    dictionary = tree.dictionary
    order = np.lexsort((-totals, -self_values))[:limit]
    return [
        Function(dictionary.frames[i], int(self_values[i]), int(totals[i]))
        for i in order
        if totals[i] or self_values[i]
    ]


def function_values(tree: Tree, value: str) -> tuple[Ints, Ints]:
    """Self and total values by frame of the tree's dictionary. Recursion counts once in a total."""
    column, dictionary = tree.column(value), tree.dictionary
    self_values = np.zeros(len(dictionary.frames), np.int64)
    np.add.at(self_values, dictionary.frame, tree.self_values[:, column])
    return self_values, frame_totals(dictionary, tree.totals()[:, column])


def merged_profile(store: Profiles, span: Span) -> Profile:
    """The span's profiles merged into one in the agent's own form, for export. Labels are kept."""
    _check(span)
    samples, dictionary = store.samples(span), store.dictionary(span.group)
    builder = ProfileBuilder(samples.value_types)
    places: dict[int, int] = {-1: -1}

    def place(node: int) -> int:
        path = []
        while node not in places:
            path.append(node)
            node = int(dictionary.parent[node])
        for step in reversed(path):
            frame = dictionary.frames[dictionary.frame[step]]
            index = builder.frame(frame.name, frame.file, frame.line)
            places[step] = builder.node(
                places[int(dictionary.parent[step])], index, int(dictionary.line[step])
            )
        return places[path[0]] if path else places[node]

    label_sets = [builder.label_set(labels) for labels in dictionary.label_sets]
    for node, labels, values in zip(
        samples.node.tolist(), samples.labels.tolist(), samples.values.tolist(), strict=True
    ):
        builder.add(place(node), values, label_sets[labels])
    return builder.build(_span_header(samples, span))


def hourly_shares(store: Profiles, span: Span) -> HourlyShares:
    """Each frame's share of the samples of each whole hour in the span, hours without a profile included."""
    _check(span)
    samples, dictionary = store.samples(span, coarsest_s=HOUR_S), store.dictionary(span.group)
    first, bucket_of, count = _buckets(samples, span, HOUR_S)
    column = _sample_column(samples)
    self_counts = np.zeros((len(dictionary.frames), count), np.int64)
    total_counts = np.zeros_like(self_counts)
    for hour in range(count):
        per_node = _bucket_sums(samples, dictionary, bucket_of == hour, column)
        np.add.at(self_counts[:, hour], dictionary.frame, per_node[:, 0])
        total_counts[:, hour] = frame_totals(dictionary, subtree_sums(dictionary, per_node)[:, 0])
    seen = self_counts.sum(axis=0)
    divisor = np.maximum(seen, 1)
    calls, places = _calls(dictionary)
    return HourlyShares(
        frames=dictionary.frames,
        hours=np.asarray((first + np.arange(count)) * HOUR_S, np.float64),
        samples=seen,
        self_share=self_counts / divisor,
        total_share=total_counts / divisor,
        stack_parent=_usual_callers(calls, places, total_counts.sum(axis=1)),
        calls=calls,
        revisions=[
            frozenset().union(
                *(part.revisions for part, at in zip(samples.parts, bucket_of, strict=True) if at == hour)
            )
            for hour in range(count)
        ],
    )


def frame_series(store: Profiles, span: Span, step_s: float, keep: LabelFilter | None = None) -> FrameSeries:
    """Frames' totals in buckets of ``step_s``, aligned to the epoch; ``keep`` chooses label sets, of whole and part."""
    _check(span)
    samples, dictionary = store.samples(span, coarsest_s=step_s), store.dictionary(span.group)
    first, bucket_of, count = _buckets(samples, span, step_s)
    chosen = _chosen(samples, dictionary, keep)
    column = _sample_column(samples)
    totals = np.zeros((len(dictionary.frames), count), np.int64)
    seen = np.zeros(count, np.int64)
    for bucket in range(count):
        per_node = _bucket_sums(samples, dictionary, bucket_of == bucket, column, chosen)
        seen[bucket] = per_node.sum()
        if seen[bucket]:
            totals[:, bucket] = frame_totals(dictionary, subtree_sums(dictionary, per_node)[:, 0])
    starts = np.asarray((first + np.arange(count)) * step_s, np.float64)
    profiles = np.bincount(bucket_of, [part.profiles for part in samples.parts], minlength=count)
    revisions = [set[str]() for _ in range(count)]
    for part, bucket in zip(samples.parts, bucket_of.tolist(), strict=True):
        revisions[bucket] |= part.revisions - {""}
    told = [frozenset(found) for found in revisions]
    return FrameSeries(dictionary, starts, totals, seen, profiles.astype(np.int64), told)


def samples_by_state(store: Profiles, span: Span) -> StateSamples:
    """The span's samples by node and thread state."""
    _check(span)
    samples, dictionary = store.samples(span), store.dictionary(span.group)
    state_of = [dict(labels).get(THREAD_STATE, "") for labels in dictionary.label_sets]
    states = tuple(sorted(set(state_of))) or ("",)
    column_of = np.array([states.index(state) for state in state_of], np.int64)
    counts = np.zeros((len(dictionary.parent), len(states)), np.int64)
    if len(samples.node):
        values = samples.values[:, _sample_column(samples)]
        np.add.at(counts, (samples.node, column_of[samples.labels]), values)
    return StateSamples(dictionary, states, counts)


def subtree_sums(dictionary: Dictionary, self_values: Ints) -> Ints:
    """Sums over subtrees, same shape as ``self_values``: the deepest level is added to the one above, and so on up."""
    totals = self_values.copy()
    order = np.argsort(dictionary.depth, kind="stable")
    ends = np.searchsorted(dictionary.depth[order], np.arange(dictionary.depth.max(initial=0) + 2))
    for level in range(len(ends) - 2, 0, -1):
        nodes = order[ends[level] : ends[level + 1]]
        np.add.at(totals, dictionary.parent[nodes], totals[nodes])
    return totals


def _revisions(samples: Samples) -> tuple[str, ...]:
    """The revisions that reported, the latest first; one that is not known is left out."""
    latest: dict[str, float] = {}
    for part in samples.parts:
        for revision in part.revisions - {""}:
            latest[revision] = max(latest.get(revision, 0.0), part.end)
    return tuple(sorted(latest, key=lambda revision: (-latest[revision], revision)))


def _check(span: Span) -> None:
    if not span.end > span.start:
        raise QueryError(f"the range ends ({span.end:.0f}) before it starts ({span.start:.0f})")


def _buckets(samples: Samples, span: Span, step_s: float) -> tuple[float, Ints, int]:
    """The number of the first bucket since the epoch, each profile's bucket counted from it, and how many there are."""
    first = float(np.floor(span.start / step_s))
    count = max(0, int(np.ceil(span.end / step_s) - first))
    bucket_of = np.array([int(part.end // step_s - first) for part in samples.parts], np.int64)
    return first, bucket_of, count


def _sample_column(samples: Samples) -> int:
    return next((index for index, kind in enumerate(samples.value_types) if kind.name == "samples"), 0)


def _bucket_sums(
    samples: Samples,
    dictionary: Dictionary,
    profiles: npt.NDArray[np.bool_],
    column: int,
    chosen: npt.NDArray[np.bool_] | None = None,
) -> Ints:
    """(nodes, 1): one value type's sums over the chosen profiles' chosen samples."""
    rows = profiles[samples.profile] if len(profiles) else np.empty(0, bool)
    if chosen is not None:
        rows = rows & chosen
    return _sums(samples.node[rows], samples.values[rows][:, [column]], len(dictionary.parent))


def _chosen(samples: Samples, dictionary: Dictionary, keep: LabelFilter | None) -> npt.NDArray[np.bool_]:
    if keep is None:
        return np.ones(len(samples.node), bool)
    wanted = np.array([keep(labels) for labels in dictionary.label_sets], bool)
    return wanted[samples.labels]


def _sums(node: Ints, values: Ints, nodes: int) -> Ints:
    """Values added up by node, in integers: (nodes, value types)."""
    sums = np.zeros((values.shape[1], nodes), np.int64)
    for column in range(values.shape[1]):  # adding at single indices is much faster than adding rows
        np.add.at(sums[column], node, values[:, column])
    return np.ascontiguousarray(sums.T)


def frame_totals(dictionary: Dictionary, totals: Ints) -> Ints:
    """Total per frame. A node below another node of the same frame (recursion) is in that one's total already."""
    sums = np.zeros(len(dictionary.frames), np.int64)
    outermost = ~_under_itself(dictionary)
    np.add.at(sums, dictionary.frame[outermost], totals[outermost])
    return sums


def _under_itself(dictionary: Dictionary) -> npt.NDArray[np.bool_]:
    """Whether a node has an ancestor of its own frame: all nodes climb one step at a time."""
    under = np.zeros(len(dictionary.parent), bool)
    at = dictionary.parent.copy()
    climbing = np.flatnonzero(at >= 0)
    while len(climbing):
        same = dictionary.frame[at[climbing]] == dictionary.frame[climbing]
        under[climbing[same]] = True
        climbing = climbing[~same]
        at[climbing] = dictionary.parent[at[climbing]]
        climbing = climbing[at[climbing] >= 0]
    return under


def _calls(dictionary: Dictionary) -> tuple[Ints, Ints]:
    """Pairs of a frame and one that calls it, (pairs, 2), and at how many places each was seen, (pairs,)."""
    inner = np.flatnonzero(dictionary.parent >= 0)
    pairs = np.stack([dictionary.frame[inner], dictionary.frame[dictionary.parent[inner]]], axis=1)
    calls, places = np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0, return_counts=True)
    return calls.astype(np.int64), places


def _usual_callers(calls: Ints, places: Ints, weight: Ints) -> Ints:
    """For each frame, its commonest caller's frame by number of places, ties to the heavier one; -1 for roots."""
    callers = np.full(len(weight), -1, np.int64)
    order = np.lexsort((weight[calls[:, 1]], places))
    callers[calls[order, 0]] = calls[order, 1]  # the last assignment wins: the most places
    return callers


def _span_header(samples: Samples, span: Span) -> Header:
    if not samples.parts:
        return Header(group=span.group, start_ns=int(span.start * 1e9), end_ns=int(span.end * 1e9))
    first = samples.parts[0]
    return Header(
        group=span.group,
        start_ns=int(min(part.start for part in samples.parts) * 1e9),
        end_ns=int(max(part.end for part in samples.parts) * 1e9),
        interval_ns=first.interval_ns,
        runtime=first.runtime,
        sampler=next(iter(sorted(first.samplers)), ""),
        limits=tuple(sorted({limit for part in samples.parts for limit in part.limits})),
    )
