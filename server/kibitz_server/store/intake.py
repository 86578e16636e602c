"""A report on its way to the tables: its stacks as the group's ids, its samples as a blob, its facts as a row."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from kibitz_agent.profile import Profile
from kibitz_agent.wire import header_to_fields
from kibitz_server.store import Ints, Part, Report, codec, samples
from kibitz_server.store.dictionary import GroupDictionary


@dataclass(slots=True)
class Interned:
    """A report whose samples hold ids of ``dictionary``; they are made again if that is replaced or rolled back."""

    group: str
    profile: Profile
    token: str
    dictionary: GroupDictionary
    generation: int
    columns: dict[str, Any]
    """Of its row: all that needs no ids."""
    samples: bytes
    brought: int = 0
    """How many label sets the dictionary had when this report had added some; 0 if it added none."""

    def use(self, dictionary: GroupDictionary) -> None:
        """Have the ids that ``dictionary`` gives now."""
        if self.dictionary is not dictionary or self.generation != dictionary.generation:
            self.samples = encoded(self.profile, *dictionary.intern(self.profile))
            self.dictionary, self.generation = dictionary, dictionary.generation

    def take_back(self) -> None:
        """Have the dictionary forget the labels that this report, which is refused, has brought and nobody keeps yet."""
        held = self.dictionary
        if self.generation == held.generation and self.brought > held.persisted[2]:
            held.roll_back()  # other reports on their way get ids again when they are written


def interned(report: Report, dictionary: GroupDictionary) -> Interned:
    """The report with the dictionary's ids, which it may have added to. `ProfileError` on a tree too deep."""
    before = dictionary.sizes[2]
    blob = encoded(report.profile, *dictionary.intern(report.profile))
    after = dictionary.sizes[2]
    return Interned(
        report.group,
        report.profile,
        report.token,
        dictionary,
        dictionary.generation,
        _columns(report),
        blob,
        after if after > before else 0,
    )


def encoded(profile: Profile, node: Ints, labels: Ints) -> bytes:
    """The samples' blob; ``node`` and ``labels`` (n,) are the ids of the profile's n samples."""
    count = len(node)
    values = np.empty((count, len(profile.value_types)), np.int64)
    for index, column in enumerate(profile.values):
        values[:, index] = np.frombuffer(column, np.int64) if count else 0
    return codec.encode(node, labels, values)


def row(group_id: int, report: Interned, now: float) -> dict[str, Any]:
    """The report's row in the table of profiles; ``now`` in epoch seconds."""
    return {
        **report.columns,
        "group_id": group_id,
        "received": now,
        "rolled": 0,
        "samples": report.samples,
    }


def _columns(report: Report) -> dict[str, Any]:
    header = report.profile.header
    part = report_part(report.profile)
    fields = json.dumps(header_to_fields(header), separators=(",", ":"))
    return {
        "token": report.token,
        "source": report.source,
        "started": part.start,
        "ended": part.end,
        "instance": header.instance,
        "revision": header.revision,
        "facts": samples.facts_json(part),
        "header": zlib.compress(fields.encode(), 1),
    }


def report_part(profile: Profile) -> Part:
    """What is known of one report."""
    header = profile.header
    return Part(
        start=header.start_ns / 1e9,
        end=header.end_ns / 1e9,
        profiles=1,
        instances=frozenset({header.instance}),
        revisions=frozenset({header.revision}),
        types=profile.value_types,
        limits=frozenset(header.limits),
        samplers=frozenset({header.sampler}),
        interval_ns=_rounded(header.interval_ns),
        runtime=header.runtime,
    )


def _rounded(nanoseconds: int) -> int:
    """To two digits: the interval really kept differs a little each time, and equal facts are read once."""
    digits = max(0, len(str(nanoseconds)) - 2)
    return round(nanoseconds, -digits)
