"""Values counted since a process started: what they say of a period is their difference to the profile before."""

from __future__ import annotations

import json
from array import array
from collections.abc import Collection
from dataclasses import replace

from kibitz_agent.profile import Profile, ProfileBuilder
from kibitz_server.ingest import IngestError, built

GO_TYPES = frozenset(("alloc_objects", "alloc_space", "contentions", "delay"))
"""What Go's runtime counts from its start on."""
_LONGEST_CONFIG = 1 << 16


def configured(text: bytes) -> dict[str, bool]:
    """Of each sample type in Pyroscope's ``sample_type_config`` whether its values are counted since the start."""
    try:
        config = json.loads(text[:_LONGEST_CONFIG])
    except (ValueError, RecursionError) as error:
        raise IngestError(f"sample_type_config: not JSON ({type(error).__name__})") from error
    if not isinstance(config, dict) or not all(isinstance(one, dict) for one in config.values()):
        raise IngestError("sample_type_config: expected an object of objects")
    return {name: one.get("cumulative") is True for name, one in config.items()}


def since(profile: Profile, previous: Profile, names: Collection[str]) -> Profile:
    """The profile with what was there already taken from the values of those names, and never less than nothing.

    A process that began anew has counted less than before: of it nothing is left, rather than a negative number.
    """
    if previous.value_types != profile.value_types:
        raise IngestError("prev_profile: its sample types are not those of the profile")
    builder = ProfileBuilder(profile.value_types)
    builder.add_profile(profile)
    signs = [-1 if kind.name in names else 0 for kind in profile.value_types]
    taken = (
        array("q", (sign * value for value in column))
        for sign, column in zip(signs, previous.values, strict=True)
    )
    builder.add_profile(replace(previous, values=tuple(taken)))
    return _positive(built(builder, profile.header))


def without(profile: Profile, names: Collection[str]) -> Profile:
    """The profile without the values of those names: of a first profile they say nothing of a period."""
    kept = [index for index, kind in enumerate(profile.value_types) if kind.name not in names]
    return replace(
        profile,
        value_types=tuple(profile.value_types[index] for index in kept),
        values=tuple(profile.values[index] for index in kept),
    )


def _positive(profile: Profile) -> Profile:
    """The profile's samples that have a value above nothing."""
    kept = [
        index
        for index in range(len(profile.sample_node))
        if any(column[index] > 0 for column in profile.values)
    ]
    return replace(
        profile,
        sample_node=array("I", (profile.sample_node[index] for index in kept)),
        sample_labels=array("I", (profile.sample_labels[index] for index in kept)),
        values=tuple(array("q", (max(0, column[index]) for index in kept)) for column in profile.values),
    )
