"""The aggregator: folds runs into samples, and samples into a profile.

While a period runs, a sample is a dictionary entry of integers under (node, labels). At its end the whole *batch* is
handed over, to be turned into a profile on another thread; the aggregator goes on with an empty one.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field

from kibitz_agent.call_sites import CallSites
from kibitz_agent.calltree import CallTree
from kibitz_agent.native_calls import CALLS, is_wanted
from kibitz_agent.profile import (
    COLLECTION,
    GIL,
    NO_PARENT,
    RUNNING,
    THREAD_NAME,
    THREAD_STATE,
    TRUNCATED,
    WAITING,
    WAITS_FOR,
    Header,
    Profile,
    ProfileBuilder,
)
from kibitz_agent.sampler import Run, Sampler
from kibitz_agent.suspended import Aside, SuspendedSampler
from kibitz_agent.tags import REGISTRY

MAX_STACK_DEPTH = "MaxStackDepth"
"""What a header's limits say when a stack was cut."""

# A server that starts a named thread per request must not fill the profile with names.
_MAX_NAMES = 256
_OTHER_THREADS = "(other threads)"

_LabelKey = tuple[str, bool, int, int, bool, bool]
_Samples = dict[tuple[int, int], list[int]]

# A (node, labels) tuple, the list of three values and the integers in it that no one shares.
_SAMPLE_OBJECT_BYTES = sys.getsizeof((0, 0)) + sys.getsizeof([0, 0, 0]) + 40 + 3 * sys.getsizeof(1 << 40)
_LABELS_OBJECT_BYTES = (
    sys.getsizeof(("", True, 0, 0, False, False)) + sys.getsizeof("Thread-1000 (worker)") + 24
)


@dataclass(slots=True)
class Batch:
    """A period's samples by node and label key; ``ticks`` counts looks, not threads."""

    tree: CallTree
    samples: _Samples
    label_keys: tuple[_LabelKey, ...]
    ticks: int
    limits: set[str] = field(default_factory=set)
    aside: Aside | None = None

    def profile(self, header: Header) -> Profile:
        """The samples as a profile: names and lines are looked up now, so not on the sampler's thread."""
        builder = ProfileBuilder()
        nodes = self.tree.pour(builder)
        belongs_to = self.tree.outermost({} if self.aside is None else self.aside.names)
        sites = CallSites(self.tree.codes, CALLS.names if sys.version_info >= (3, 12) else None)
        named = is_wanted()
        label_sets: dict[tuple[int, tuple[str, str]], int] = {}
        for (node, labels), values in self.samples.items():
            # What only launches the program is left out, as the agent's own threads are.
            if nodes[node] == NO_PARENT:
                continue
            key = (labels, belongs_to[node])
            label_set = label_sets.get(key)
            if label_set is None:
                label_set = builder.label_set(_labels(self.label_keys[labels], *belongs_to[node]))
                label_sets[key] = label_set
            _, running, _, _, _, collects = self.label_keys[labels]
            called = sites.name(self.tree.address(node), running) if named else ""
            at = builder.node(nodes[node], builder.frame(called)) if called else nodes[node]
            if collects:
                at = builder.node(at, builder.frame(COLLECTION))
            builder.add(at, values, label_set)
        self._pour_aside(builder)
        return builder.build(header)

    def _pour_aside(self, builder: ProfileBuilder) -> None:
        """What waits off the threads. Its tree is its own, and its places are added to those of the threads."""
        if self.aside is None:
            return
        nodes = self.aside.tree.pour(builder)
        for (node, labels), values in self.aside.samples.items():
            if nodes[node] != NO_PARENT:
                builder.add(nodes[node], values, builder.label_set(dict(labels)))


class Aggregator:
    """Folds what a sampler sees. Used by one thread."""

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler
        self._suspended = SuspendedSampler()
        self._clear()

    def _clear(self) -> None:
        self._samples: _Samples = {}
        self._label_keys: dict[_LabelKey, int] = {}
        self._names: dict[str, str] = {}
        self._looks_before = self._looks_then = self._sampler.tally().looks
        self.limits: set[str] = set()

    def tick(self, elapsed_ns: int, max_depth: int) -> None:
        """Look once and fold what came of it."""
        self._fold(self._sampler.sample(elapsed_ns, max_depth))
        # The native sampler looks between the calls.
        looks = self._sampler.tally().looks
        self._suspended.tick(elapsed_ns, looks - self._looks_then, max_depth)
        self._looks_then = looks

    @property
    def wanted_every_ns(self) -> int | None:
        """How often `tick` should be called for the sake of what waits off the threads; None while nothing does."""
        return self._suspended.every_ns

    @property
    def ticks(self) -> int:
        """Looks taken since the last cut."""
        return self._sampler.tally().looks - self._looks_before

    def cut(self) -> Batch:
        """Everything since the last cut."""
        tree, runs = self._sampler.drain()
        self._fold(runs)
        batch = Batch(
            tree, self._samples, tuple(self._label_keys), self.ticks, self.limits, self._suspended.drain()
        )
        self._clear()
        return batch

    def discard(self) -> None:
        """Forget everything since the last cut."""
        self._sampler.drain()
        self._suspended.drain()
        self._clear()

    def close(self) -> None:
        """Look at nothing any more; the sampler is its owner's to close."""
        self._suspended.close()

    @property
    def memory_bytes(self) -> int:
        """What the samples and the sampler's tree occupy."""
        tables = sys.getsizeof(self._samples) + sys.getsizeof(self._label_keys)
        tables += sys.getsizeof(self._names)
        objects = len(self._samples) * _SAMPLE_OBJECT_BYTES + len(self._label_keys) * _LABELS_OBJECT_BYTES
        return tables + objects + self._sampler.memory_bytes + self._suspended.memory_bytes

    def _fold(self, runs: Iterable[Run]) -> None:
        samples, label_keys = self._samples, self._label_keys
        for run in runs:
            label_key = (
                self._names.get(run.thread) or self._name(run.thread),
                run.running,
                run.cut,
                run.tags,
                run.waits_for_gil,
                run.collects,
            )
            labels = label_keys.setdefault(label_key, len(label_keys))
            held = samples.get((run.node, labels))
            if held is None:
                samples[run.node, labels] = [run.ticks, run.wall_ns, run.cpu_ns]
            else:
                held[0] += run.ticks
                held[1] += run.wall_ns
                held[2] += run.cpu_ns
            if run.cut:
                self.limits.add(MAX_STACK_DEPTH)

    def _name(self, name: str) -> str:
        """The name to file a thread under: beyond `_MAX_NAMES` without its numbers, beyond twice that none."""
        if len(self._names) >= _MAX_NAMES:
            name = re.sub(r"\d+", "N", name)
        if name not in self._names and len(self._names) >= 2 * _MAX_NAMES:
            return _OTHER_THREADS
        return self._names.setdefault(name, name)


def _labels(key: _LabelKey, kind: str, name: str) -> dict[str, str]:
    thread, running, cut, tags, waits_for_gil, _ = key
    labels = {kind: name} if kind else {}
    labels |= dict(REGISTRY.labels(tags))
    labels |= {THREAD_STATE: RUNNING if running else WAITING}
    if thread:
        labels[THREAD_NAME] = thread
    if waits_for_gil:
        labels[WAITS_FOR] = GIL
    if cut:
        labels[TRUNCATED] = str(cut)
    return labels
