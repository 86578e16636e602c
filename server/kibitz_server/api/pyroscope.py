"""Pyroscope's two ways in, ``/ingest`` and the newer push service: its SDKs can push here unchanged."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace

from flask import Blueprint, Response, current_app, request

from kibitz_agent.profile import Labels, Profile
from kibitz_server.api import ApiError, pyroscope_body, validation_error
from kibitz_server.api.aws import agents
from kibitz_server.api.aws.collector import Collector
from kibitz_server.ingest import IngestError, TooLargeError, inflate, pprof
from kibitz_server.ingest.protobuf import fields

api = Blueprint("pyroscope", __name__)

_NAME = re.compile(r"([^{}]{1,1024})(?:\{([^{}]{0,8192})\})?")
_OUTSIDE = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST_NAME, _MOST_LABELS, _LONGEST_LABEL = 255, 30, 1024
_MOST_PROFILES = 256
_LATEST_S = 253_402_300_799


@api.post("/ingest")
def ingest() -> tuple[str, int]:
    """Keep a profile; 200 once it is on disk. The same question with the same body again changes nothing."""
    collector: Collector = current_app.extensions["kibitz_collector"]
    group, labels = series(request.args.get("name", ""))
    start, end = _seconds("from"), _seconds("until")
    if end < start:
        raise validation_error("until: earlier than from")
    if not collector.auto_create:
        collector.group(group)
    try:
        pushed = pyroscope_body.pushed()
        profile = pyroscope_body.decoded(pushed)
    except TooLargeError as error:
        raise ApiError("ValidationException", 413, str(error)) from error
    except IngestError as error:
        raise validation_error(str(error)) from error
    if not profile.value_types:  # a first profile of counters: the next one will say what its period added
        return "", 200
    header = replace(
        profile.header,
        group=group,
        instance=dict(labels).get("instance", ""),
        start_ns=int(start * 1e9),
        end_ns=int(end * 1e9),
        sampler=request.args.get("spyName", "")[:64],
    )
    profile = agents.timed(_labelled(profile.with_header(header), labels), collector.clock())
    # Without a time of its own it cannot be told from the next one of the same stacks: then it is no retry.
    told = b"" if request.args.get("until") else f"{end}".encode()
    token = hashlib.sha256(request.query_string + b"\0" + told + b"\0".join(pushed.parts())).hexdigest()
    agents.keep(collector, group, profile, token, "pyroscope")
    return "", 200


@api.post("/push.v1.PusherService/Push")
def push() -> Response:
    """Keep what a PushRequest carries: series of labels, each with gzipped pprof profiles that have ids."""
    collector: Collector = current_app.extensions["kibitz_collector"]
    body = request.get_data(cache=False)
    try:
        if request.headers.get("Content-Encoding", "").lower() == "gzip":
            body = inflate(body)
        pushed = [(labels, token, pprof.decode(content)) for labels, token, content in pushes(body)]
    except TooLargeError as error:
        raise ApiError("ValidationException", 413, str(error)) from error
    except IngestError as error:
        raise validation_error(str(error)) from error
    for labels, token, profile in pushed:
        _keep_pushed(collector, labels, token, profile)
    return Response(b"", content_type="application/proto")


def _keep_pushed(collector: Collector, labels: dict[str, str], token: str, profile: Profile) -> None:
    group = _OUTSIDE.sub("_", labels.get("service_name", "")).strip("_")[:_LONGEST_NAME]
    if not group:
        raise validation_error("service_name: a series needs this label")
    if not collector.auto_create:
        collector.group(group)
    # What the labels say of the profile itself is no label of its samples.
    kept = tuple(sorted((key, value) for key, value in labels.items() if not key.startswith("__")))
    header = replace(
        profile.header,
        group=group,
        instance=labels.get("instance", ""),
        sampler=labels.get("pyroscope_spy", "")[:64],
    )
    profile = agents.timed(_labelled(profile.with_header(header), kept[:_MOST_LABELS]), collector.clock())
    agents.keep(collector, group, profile, token, "pyroscope")


def pushes(body: bytes) -> list[tuple[dict[str, str], str, bytes]]:
    """The (labels, id, pprof) of every profile in a PushRequest; one without an id gets one made of its bytes."""
    found = []
    for number, one in _parts(body):
        if number != 1:
            continue
        pairs = [dict(_parts(part)) for inner, part in _parts(one) if inner == 1]
        labels = {_text(pair.get(1, b"")): _text(pair.get(2, b"")) for pair in pairs}
        for sample in (dict(_parts(part)) for inner, part in _parts(one) if inner == 2):
            content = bytes(sample.get(1, b""))
            made = hashlib.sha256(f"{sorted(labels.items())}".encode() + content).hexdigest()
            found.append((labels, _text(sample.get(2, b""))[:64] or made, content))
        if len(found) > _MOST_PROFILES:
            raise TooLargeError(f"more than {_MOST_PROFILES} profiles in one request")
    return found


def _parts(message: bytes | memoryview) -> list[tuple[int, memoryview]]:
    """The fields of a message that hold bytes, with their numbers."""
    return [(number, part) for number, _, part in fields(memoryview(message)) if isinstance(part, memoryview)]


def _text(part: bytes | memoryview) -> str:
    return bytes(part[:_LONGEST_LABEL]).decode("utf-8", "replace")


def series(name: str) -> tuple[str, Labels]:
    """The profiling group and the labels in a series' name, ``app.cpu{env=staging,region=x}``."""
    match = _NAME.fullmatch(name)
    group = _OUTSIDE.sub("_", match[1].strip()).strip("_")[:_LONGEST_NAME] if match else ""
    if match is None or not group:
        raise validation_error(f"name: expected application{{label=value,...}}, found {name[:80]!r}")
    pairs = [pair.partition("=") for pair in (match[2] or "").split(",") if "=" in pair]
    if len(pairs) > _MOST_LABELS:
        raise validation_error(f"name: {len(pairs)} labels, at most {_MOST_LABELS} are accepted")
    labels = {
        key.strip()[:_LONGEST_LABEL]: value.strip().strip('"')[:_LONGEST_LABEL] for key, _, value in pairs
    }
    return group, tuple(sorted((key, value) for key, value in labels.items() if key))


def _seconds(name: str) -> float:
    """A time in seconds, or milli-, micro- or nanoseconds, since the epoch; now where it is not given."""
    text = request.args.get(name, "")
    if not text:
        collector: Collector = current_app.extensions["kibitz_collector"]
        return collector.clock()
    if not text.isascii() or not text.isdigit() or len(text) > 19:
        raise validation_error(f"{name}: expected a time since the epoch, found {text[:40]!r}")
    value = float(text)
    while value > _LATEST_S / 10:  # later than the year 2770: a smaller unit was meant
        value /= 1000
    return value


def _labelled(profile: Profile, labels: Labels) -> Profile:
    sets = tuple(tuple(sorted({**dict(own), **dict(labels)}.items())) for own in profile.label_sets)
    return replace(profile, label_sets=sets)
