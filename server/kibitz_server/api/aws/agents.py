"""The two operations that agents call all the time: ask for the configuration, hand in a profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kibitz_agent.profile import Profile, ProfileError
from kibitz_server import settings
from kibitz_server.api import ApiError, validation_error
from kibitz_server.api.aws.collector import GROUP_DOCUMENT, Collector
from kibitz_server.ingest import IngestError, TooLargeError, UnsupportedTypeError, bounded, decoder_for

Params = Mapping[str, Any]

MAX_FUTURE_S = 300.0
BUSY_REPORTS = 256
_LAMBDA = "AWSLambda"


def configure_agent(collector: Collector, given: Params) -> Params:
    """What the agent is to do in its next period."""
    name = given["profilingGroupName"]
    collector.group_of_agent(name)
    platform = collector.store.document(name, GROUP_DOCUMENT).get("platform")
    if platform == _LAMBDA and given.get("metadata", {}).get("ComputePlatform") != _LAMBDA:
        raise validation_error(f"the profiling group {name} is for AWS Lambda, and this agent runs elsewhere")
    collector.heartbeats.beat(name, collector.clock())
    # Agents that report less often are what a collector that falls behind needs most.
    slow_down = 1 + min(3, getattr(collector.store, "waiting", 0) // BUSY_REPORTS)
    return {"configuration": settings.agent_configuration(collector.settings(name), slow_down)}


def post_agent_profile(collector: Collector, given: Params) -> Params:
    """Keep a profile; returns once it is on disk. A token seen before changes nothing."""
    group = given["profilingGroupName"]
    profile, source = decoded(given["contentType"], given["agentProfile"])
    if not collector.auto_create:  # else the store makes the group with its first report
        collector.group(group)
    profile = timed(profile, collector.clock())
    keep(
        collector,
        group,
        profile.with_header(replace(profile.header, group=group)),
        given["profileToken"],
        source,
    )
    return {}


def decoded(content_type: str, body: bytes) -> tuple[Profile, str]:
    """The profile in a body, and the name of its format."""
    try:
        decoder = decoder_for(content_type, body)
        return decoder.decode(body), decoder.name
    except TooLargeError as error:
        raise ApiError("ValidationException", 413, str(error)) from error
    except UnsupportedTypeError as error:
        raise ApiError("ValidationException", 415, str(error)) from error
    except IngestError as error:
        raise validation_error(str(error)) from error


def keep(collector: Collector, group: str, profile: Profile, token: str, source: str) -> None:
    """Return once the profile is on disk; a token seen before changes nothing."""
    try:
        collector.store.add(group, profile, token, source)
    except ProfileError as error:
        raise validation_error(str(error)) from error


def timed(profile: Profile, now: float) -> Profile:
    """The profile with a period: one that does not say when it ended (pprof may not) ends now.

    The future is refused, and numbers that nobody could have measured.
    """
    try:
        header = bounded(profile).header
    except IngestError as error:
        raise validation_error(str(error)) from error
    if header.end_ns / 1e9 > now + MAX_FUTURE_S:
        ahead = header.end_ns / 1e9 - now
        raise validation_error(
            f"the profile ends {ahead:.0f} s in the future: set that machine's clock right"
        )
    if header.end_ns == 0:
        return profile.with_header(replace(header, start_ns=int(now * 1e9), end_ns=int(now * 1e9)))
    return profile
