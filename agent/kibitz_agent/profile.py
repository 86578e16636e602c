"""The profile: samples folded into a call tree over one reporting period, held in columns.

A profile is six small tables. Everything refers to everything else by index, so that a profile can be
encoded without a walk, decoded into arrays without a loop, and merged by integer keys.

========== ======================= ==========================================================================
table      columns                 meaning
========== ======================= ==========================================================================
strings    text                    every name and path once; index 0 is the empty string
frames     name, file, line        a function: ``module:Qual.name``, source path, first line (0: unknown)
nodes      parent, frame, line     a place in the call tree: the node above (-1: a root), the function, and
                                   the line being executed in it (0: unknown). A parent precedes its children
samples    node, label set, values what was seen at a node as the leaf: one value per value type
label sets (key, value) pairs      thread name, thread state, whatever the user tagged; index 0 is empty
header     see `Header`            who, where, when, how often, and at what cost
========== ======================= ==========================================================================

Values are *self* values: they belong to the leaf; totals are sums over subtrees. Standard library only: the
server and the flame graph share this module.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from kibitz_agent.heap import HeapSummary

Labels: TypeAlias = tuple[tuple[str, str], ...]

THREAD_NAME = "thread"
THREAD_STATE = "state"
TRUNCATED = "truncated"
"""Label ``truncated=depth`` marks a sample whose innermost frames were cut off at MaxStackDepth."""

WAITS_FOR = "waits_for"
GIL = "gil"
"""Label ``waits_for=gil`` marks a waiting sample whose thread could have run, had another not held the interpreter's lock.

``waits_for=loop`` one of a task that could go on, were it its turn in the event loop.
"""

LOOP = "loop"

TASK = "task"
"""Label ``task=name``: the asyncio task, as the host named it, else its coroutine's function."""

GREENLET = "greenlet"
"""Label ``greenlet=name``: gevent's greenlet, as the host named it, else the function that it runs."""

COLLECTION = "<garbage collection>"
"""What a thread that was collecting garbage did below its innermost function, as the native sampler sees it."""

RUNNING = "running"
WAITING = "waiting"

NO_PARENT = -1


class ProfileError(ValueError):
    """A profile that breaks its own rules; the message names the table, the column and the value."""


@dataclass(frozen=True, slots=True)
class ValueType:
    """What one column of sample values counts: ``samples``/``count``, ``wall``/``nanoseconds``."""

    name: str
    unit: str


SAMPLES = ValueType("samples", "count")
WALL = ValueType("wall", "nanoseconds")
CPU = ValueType("cpu", "nanoseconds")
AGENT_VALUE_TYPES = (SAMPLES, WALL, CPU)


@dataclass(frozen=True, slots=True)
class Overhead:
    """What taking this profile cost its host: the agent threads' own CPU time, memory, and tick keeping.

    ``retries``: looks taken again because a stack was changing; ``dropped_samples``: those that kept changing.
    """

    cpu_ns: int = 0
    memory_bytes: int = 0
    ticks: int = 0
    missed_ticks: int = 0
    dropped_samples: int = 0
    retries: int = 0


@dataclass(frozen=True, slots=True)
class Header:
    """Who was profiled, where, when and how. Times are nanoseconds; ``start_ns``/``end_ns`` since the epoch.

    ``token`` is the report's identity: a retry carries the same one and is counted once.
    ``process_cpu_ns`` is the whole process's CPU time over the period.
    ``limits`` names each limit that struck while sampling, e.g. ``("MaxStackDepth",)``.
    ``blobs``: by file name, the git blob id of the text that ran, for files with hot functions.
    ``heap``: live objects by type, where that was asked for.
    ``host`` describes the machine: ``name``, ``cpus``, ``memory_bytes``, ``platform`` and what else is known.
    """

    group: str = ""
    instance: str = ""
    process_id: int = 0
    revision: str = ""
    start_ns: int = 0
    end_ns: int = 0
    interval_ns: int = 0
    runtime: str = ""
    agent_version: str = ""
    sampler: str = ""
    token: str = ""
    process_cpu_ns: int = 0
    overhead: Overhead = field(default_factory=Overhead)
    host: Mapping[str, str | int | float] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    blobs: Mapping[str, str] = field(default_factory=dict)
    heap: HeapSummary | None = None

    @property
    def duration_ns(self) -> int:
        """Length of the period, never negative."""
        return max(0, self.end_ns - self.start_ns)


@dataclass(frozen=True, slots=True)
class Frame:
    """One function as text: what a reader of the profile sees of a frame index."""

    name: str
    file: str = ""
    line: int = 0


def _unsigned() -> array[int]:
    return array("I")


@dataclass(frozen=True, slots=True)
class Profile:
    """A period's samples in columns. Build one with `ProfileBuilder`; treat it as read-only.

    Arrays: ``frame_*``, ``node_*`` and ``sample_*`` columns of one table have equal length. Types: ``I`` (32-bit
    unsigned) for indices and lines, ``i`` for ``node_parent``, ``q`` (64-bit signed) for values.
    ``values[k][s]`` is the value of type ``value_types[k]`` of sample ``s``.
    """

    header: Header = field(default_factory=Header)
    strings: Sequence[str] = ("",)
    frame_name: array[int] = field(default_factory=_unsigned)
    frame_file: array[int] = field(default_factory=_unsigned)
    frame_line: array[int] = field(default_factory=_unsigned)
    node_parent: array[int] = field(default_factory=lambda: array("i"))
    node_frame: array[int] = field(default_factory=_unsigned)
    node_line: array[int] = field(default_factory=_unsigned)
    sample_node: array[int] = field(default_factory=_unsigned)
    sample_labels: array[int] = field(default_factory=_unsigned)
    value_types: tuple[ValueType, ...] = AGENT_VALUE_TYPES
    values: tuple[array[int], ...] = field(
        default_factory=lambda: tuple(array("q") for _ in AGENT_VALUE_TYPES)
    )
    label_sets: Sequence[Labels] = ((),)

    def frame(self, index: int) -> Frame:
        """The frame's text by its index in the frame table."""
        return Frame(
            self.strings[self.frame_name[index]], self.strings[self.frame_file[index]], self.frame_line[index]
        )

    def path(self, node: int) -> list[int]:
        """Node indices from the root down to ``node``."""
        path = []
        while node != NO_PARENT:
            path.append(node)
            node = self.node_parent[node]
        return path[::-1]

    def stacks(self) -> Iterator[tuple[tuple[Frame, ...], Labels, tuple[int, ...]]]:
        """Each sample as (frames root first, labels, values). For tests and text; tools use the columns."""
        for sample, node in enumerate(self.sample_node):
            frames = tuple(self.frame(self.node_frame[n]) for n in self.path(node))
            yield frames, self.label_sets[self.sample_labels[sample]], tuple(v[sample] for v in self.values)

    def value_index(self, name: str) -> int:
        """Which column of ``values`` holds the type called ``name``; `ProfileError` when none does."""
        for index, value_type in enumerate(self.value_types):
            if value_type.name == name:
                return index
        known = ", ".join(value_type.name for value_type in self.value_types)
        raise ProfileError(f"no values of type {name!r} in this profile: it has {known}")

    def total(self, name: str = "samples") -> int:
        """Sum of one value type over all samples."""
        return sum(self.values[self.value_index(name)])

    def with_header(self, header: Header) -> Profile:
        """The same samples under another header."""
        return replace(self, header=header)


def check(profile: Profile) -> Profile:
    """Return ``profile`` if every index points at something and every column has its length; else raise.

    A parent must precede its children, which also rules out cycles.
    """
    _same_length("frames", profile.frame_name, profile.frame_file, profile.frame_line)
    _same_length("nodes", profile.node_parent, profile.node_frame, profile.node_line)
    _same_length("samples", profile.sample_node, profile.sample_labels, *profile.values)
    if len(profile.values) != len(profile.value_types):
        raise ProfileError(
            f"values: {len(profile.values)} columns for {len(profile.value_types)} value types"
        )
    if not profile.strings or profile.strings[0] != "":
        raise ProfileError("strings: index 0 must be the empty string")
    if not profile.label_sets or tuple(profile.label_sets[0]) != ():
        raise ProfileError("label_sets: index 0 must be the empty set")
    _below("frames.name", profile.frame_name, len(profile.strings))
    _below("frames.file", profile.frame_file, len(profile.strings))
    _below("nodes.frame", profile.node_frame, len(profile.frame_name))
    _below("samples.node", profile.sample_node, len(profile.node_parent))
    _below("samples.labels", profile.sample_labels, len(profile.label_sets))
    for node, parent in enumerate(profile.node_parent):
        if not NO_PARENT <= parent < node:
            raise ProfileError(f"nodes.parent[{node}]: expected {NO_PARENT}..{node - 1}, found {parent}")
    return profile


def _same_length(table: str, *columns: Sequence[int]) -> None:
    lengths = {len(column) for column in columns}
    if len(lengths) > 1:
        raise ProfileError(f"{table}: columns of different length {sorted(lengths)}")


def _below(column: str, values: array[int], limit: int) -> None:
    if values and (top := max(values)) >= limit:
        raise ProfileError(
            f"{column}[{values.index(top)}]: {top} is out of range, the table has {limit} rows"
        )


class ProfileBuilder:
    """Folds samples into a profile's columns; every string, frame, node and label set is kept once.

    Used by the agent's aggregator, by decoders of foreign formats and by merging. Not thread-safe.
    """

    def __init__(self, value_types: tuple[ValueType, ...] = AGENT_VALUE_TYPES) -> None:
        self.value_types = value_types
        self._strings: dict[str, int] = {"": 0}
        self._frames: dict[tuple[int, int, int], int] = {}
        self._nodes: dict[tuple[int, int, int], int] = {}
        self._label_sets: dict[Labels, int] = {(): 0}
        self._samples: dict[tuple[int, int], list[int]] = {}

    def __len__(self) -> int:
        """How many distinct samples (node and label set) are held."""
        return len(self._samples)

    @property
    def node_count(self) -> int:
        """How many nodes the call tree has."""
        return len(self._nodes)

    def string(self, text: str) -> int:
        """Index of ``text`` in the string table."""
        return self._strings.setdefault(text, len(self._strings))

    def frame(self, name: str, file: str = "", line: int = 0) -> int:
        """Index of the function ``name`` (``module:Qual.name``) of ``file``, first line ``line``."""
        key = (self.string(name), self.string(file), line)
        return self._frames.setdefault(key, len(self._frames))

    def node(self, parent: int, frame: int, line: int = 0) -> int:
        """Index of the node for ``frame`` at ``line`` under ``parent`` (`NO_PARENT` for a root)."""
        key = (parent, frame, line)
        return self._nodes.setdefault(key, len(self._nodes))

    def label_set(self, labels: Mapping[str, str] | Iterable[tuple[str, str]]) -> int:
        """Index of a label set; the order of ``labels`` does not matter."""
        pairs = labels.items() if isinstance(labels, Mapping) else labels
        key = tuple(sorted(pairs))
        return self._label_sets.setdefault(key, len(self._label_sets))

    def add(self, node: int, values: Sequence[int], label_set: int = 0) -> None:
        """Add one value per value type to the samples seen at ``node`` under ``label_set``."""
        if len(values) != len(self.value_types):
            raise ProfileError(f"a sample: expected {len(self.value_types)} values, found {len(values)}")
        held = self._samples.get((node, label_set))
        if held is None:
            self._samples[node, label_set] = list(values)
        else:
            for index, value in enumerate(values):
                held[index] += value

    def add_stack(
        self, frames: Iterable[Frame], values: Sequence[int], labels: Mapping[str, str] | None = None
    ) -> None:
        """Add one stack, root first, with its values and labels."""
        node = NO_PARENT
        for frame in frames:
            node = self.node(node, self.frame(frame.name, frame.file, frame.line))
        if node == NO_PARENT:
            raise ProfileError("a stack needs at least one frame")
        self.add(node, values, self.label_set(labels or {}))

    def add_profile(self, profile: Profile) -> None:
        """Merge another profile's samples into this one; its value types must be the same."""
        if profile.value_types != self.value_types:
            raise ProfileError(f"cannot merge {profile.value_types} into {self.value_types}")
        frames = [
            self.frame(frame.name, frame.file, frame.line)
            for frame in map(profile.frame, range(len(profile.frame_name)))
        ]
        nodes: list[int] = []
        for parent, frame, line in zip(
            profile.node_parent, profile.node_frame, profile.node_line, strict=True
        ):
            above = NO_PARENT if parent == NO_PARENT else nodes[parent]
            nodes.append(self.node(above, frames[frame], line))
        label_sets = [self.label_set(labels) for labels in profile.label_sets]
        for sample, node in enumerate(profile.sample_node):
            values = [column[sample] for column in profile.values]
            self.add(nodes[node], values, label_sets[profile.sample_labels[sample]])

    def build(self, header: Header | None = None) -> Profile:
        """The columns of what was added so far; the builder may go on being used."""
        samples = self._samples
        return Profile(
            header=header or Header(),
            strings=tuple(self._strings),
            frame_name=array("I", (key[0] for key in self._frames)),
            frame_file=array("I", (key[1] for key in self._frames)),
            frame_line=array("I", (key[2] for key in self._frames)),
            node_parent=array("i", (key[0] for key in self._nodes)),
            node_frame=array("I", (key[1] for key in self._nodes)),
            node_line=array("I", (key[2] for key in self._nodes)),
            sample_node=array("I", (key[0] for key in samples)),
            sample_labels=array("I", (key[1] for key in samples)),
            value_types=self.value_types,
            values=tuple(
                array("q", (values[index] for values in samples.values()))
                for index in range(len(self.value_types))
            ),
            label_sets=tuple(self._label_sets),
        )


def merge(profiles: Iterable[Profile], header: Header | None = None) -> Profile:
    """Sum profiles of equal value types into one; the header is the first one's over the whole span."""
    builder: ProfileBuilder | None = None
    merged: Header | None = None
    for profile in profiles:
        if builder is None or merged is None:
            builder, merged = ProfileBuilder(profile.value_types), profile.header
        builder.add_profile(profile)
        merged = replace(
            merged,
            start_ns=min(merged.start_ns, profile.header.start_ns),
            end_ns=max(merged.end_ns, profile.header.end_ns),
        )
    return (builder or ProfileBuilder()).build(header or merged)
