"""Splitting: a profile that the collector finds too large, as two that together say the same."""

from __future__ import annotations

import uuid
from dataclasses import replace

from kibitz_agent import wire
from kibitz_agent.profile import NO_PARENT, Overhead, Profile, ProfileBuilder, ProfileError

SMALLEST_BYTES = 16 << 10
"""A collector that finds this too large finds everything too large: nothing smaller is split."""


def halves(body: bytes) -> list[tuple[str, bytes]]:
    """Two tokens and bodies whose samples add up to those of ``body``; none if it is not worth splitting.

    The tokens follow from the profile's own, so that a profile split twice is still counted once.
    """
    if len(body) <= SMALLEST_BYTES:
        return []
    try:
        profile = wire.decode(body)
    except ProfileError:
        return []
    middle = len(profile.sample_node) // 2
    if not middle:
        return []
    return [
        _part(profile, 0, middle, "first"),
        _part(profile, middle, len(profile.sample_node), "second"),
    ]


def _part(profile: Profile, start: int, end: int, which: str) -> tuple[str, bytes]:
    header = profile.header
    token = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{header.token}/{which}"))
    if start:
        # Costs are told once.
        header = replace(header, process_cpu_ns=0, overhead=Overhead())
    return token, wire.encode(_samples(profile, start, end).build(replace(header, token=token)))


def _samples(profile: Profile, start: int, end: int) -> ProfileBuilder:
    """The samples from ``start`` to ``end``, and no node, frame or string that none of them needs."""
    builder = ProfileBuilder(profile.value_types)
    for sample in range(start, end):
        place = NO_PARENT
        for node in profile.path(profile.sample_node[sample]):
            frame = profile.frame(profile.node_frame[node])
            place = builder.node(
                place, builder.frame(frame.name, frame.file, frame.line), profile.node_line[node]
            )
        labels = builder.label_set(profile.label_sets[profile.sample_labels[sample]])
        builder.add(place, [column[sample] for column in profile.values], labels)
    return builder
