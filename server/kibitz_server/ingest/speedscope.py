"""speedscope's JSON (https://www.speedscope.app/file-format-schema.json): stacks with weights, or frames opened and closed.

A file holds several profiles over one table of frames: one of each thread, as most writers have it, or one of each
kind of value, as Kibitz writes it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kibitz_agent.profile import (
    CPU,
    NO_PARENT,
    SAMPLES,
    THREAD_NAME,
    WALL,
    Header,
    Profile,
    ProfileBuilder,
    ValueType,
)
from kibitz_server.ingest import MAX_BODY_BYTES, IngestError, TooLargeError, built, inflate, readable

_SCALES_NS = {"nanoseconds": 1, "microseconds": 1_000, "milliseconds": 1_000_000, "seconds": 1_000_000_000}
_SPACE = ValueType("space", "bytes")
_NAMED = {(kind.name, kind.unit): kind for kind in (WALL, CPU)}
_MOST_NODES = 2_000_000
_MOST_PROFILES = 10_000
_MOST_VALUE = 1 << 53
_LONGEST_NAME = 16_384

Stack = tuple[Sequence[int], float]
"""Indices of frames, root first, and their weight in the profile's unit."""


def decode(body: bytes) -> Profile:
    """A file's profile: time is wall time, unless its profile is called "cpu"; weights without a unit are samples."""
    body = inflate(body)
    if len(body) > MAX_BODY_BYTES:
        raise TooLargeError(f"{len(body)} bytes, at most {MAX_BODY_BYTES} are accepted")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise IngestError(f"speedscope: not JSON ({type(error).__name__})") from error
    frames = _list(
        _object(_object(document, "the file").get("shared"), "shared").get("frames"), "shared.frames"
    )
    profiles = [_object(one, "a profile") for one in _list(document.get("profiles"), "profiles")]
    if not profiles or len(profiles) > _MOST_PROFILES:
        raise IngestError(f"speedscope: {len(profiles)} profiles, expected 1 to {_MOST_PROFILES}")
    kinds = list(dict.fromkeys(kind for one in profiles for kind in _kinds(one)))
    builder = ProfileBuilder(tuple(kinds))
    places = [_frame(builder, frame) for frame in frames]
    for one in profiles:
        _add(builder, one, places, labels=_labels(one) if len(profiles) > 1 else {})
    return built(builder, Header(sampler="speedscope"))


def _kinds(profile: Mapping[str, Any]) -> tuple[ValueType, ...]:
    """What the weights of a profile are; of a thread's samples in time also how many there were."""
    unit = str(profile.get("unit"))
    if unit == "none":
        return (SAMPLES,)
    if unit == "bytes":
        return (_SPACE,)
    if unit not in _SCALES_NS:
        raise IngestError(f"speedscope: unit {unit[:40]!r}, expected none, bytes or a unit of time")
    named = _NAMED.get((str(profile.get("name")), "nanoseconds"))
    if named is not None:
        return (named,)
    return (SAMPLES, WALL) if profile.get("type") == "sampled" else (WALL,)


def _labels(profile: Mapping[str, Any]) -> Mapping[str, str]:
    """The thread that a profile is of; a profile of one kind of value has its kind's name and is of all of them."""
    name = profile.get("name")
    if not isinstance(name, str) or not name or any(kind.name == name for kind in (SAMPLES, WALL, CPU)):
        return {}
    return {THREAD_NAME: readable(name[:1024])}


def _add(
    builder: ProfileBuilder, profile: Mapping[str, Any], places: Sequence[int], labels: Mapping[str, str]
) -> None:
    kinds = _kinds(profile)
    scale = _SCALES_NS.get(str(profile.get("unit")), 1)
    columns = [builder.value_types.index(kind) for kind in kinds]
    label_set = builder.label_set(labels)
    for stack, weight in _stacks(profile):
        value = round(weight * scale)
        if not stack or not value:
            continue
        node = NO_PARENT
        for index in stack:
            node = builder.node(node, places[_index(index, len(places))])
        if builder.node_count > _MOST_NODES:
            raise TooLargeError(f"speedscope: more than {_MOST_NODES} nodes in the call tree")
        values = [0] * len(builder.value_types)
        values[columns[0]] = 1  # of (samples, wall) the first counts; a single one is the weight itself
        values[columns[-1]] = value
        builder.add(node, values, label_set)


def _stacks(profile: Mapping[str, Any]) -> Iterator[Stack]:
    match kind := profile.get("type"):
        case "sampled":
            stacks, weights = (
                _list(profile.get("samples"), "samples"),
                _list(profile.get("weights"), "weights"),
            )
            if len(stacks) != len(weights):
                raise IngestError(f"speedscope: {len(stacks)} samples and {len(weights)} weights")
            for stack, weight in zip(stacks, weights, strict=True):
                yield _list(stack, "a sample"), _number(weight, "a weight")
        case "evented":
            yield from _spans(
                _list(profile.get("events"), "events"), _number(profile.get("startValue"), "startValue")
            )
        case _:
            raise IngestError(f"speedscope: type {str(kind)[:40]!r}, expected sampled or evented")


def _spans(events: Sequence[Any], at: float) -> Iterator[Stack]:
    """The stacks between frames' openings and closings, with the time that each of them lasted."""
    stack: list[int] = []
    for number, given in enumerate(events):
        event = _object(given, "an event")
        then, frame = _number(event.get("at"), "at"), event.get("frame")
        if then < at:
            raise IngestError(f"speedscope: event {number} is earlier than the one before it")
        if then > at:
            yield tuple(stack), then - at
        at = then
        if event.get("type") == "O" and isinstance(frame, int):
            stack.append(frame)
        elif event.get("type") == "C" and stack and stack[-1] == frame:
            stack.pop()
        else:
            raise IngestError(
                f"speedscope: event {number} opens no frame, or closes another than the last opened"
            )
        if len(stack) > _LONGEST_NAME:
            raise TooLargeError(f"speedscope: more than {_LONGEST_NAME} frames are open")


def _frame(builder: ProfileBuilder, given: Any) -> int:
    frame = _object(given, "a frame")
    name, file, line = frame.get("name"), frame.get("file") or "", frame.get("line") or 0
    if not isinstance(name, str) or not isinstance(file, str):
        raise IngestError("speedscope: a frame's name and file are texts")
    if not isinstance(line, int) or not 0 <= line < 1 << 31:
        raise IngestError(f"speedscope: line {str(line)[:40]} of {readable(name[:80])!r}")
    return builder.frame(readable(name[:_LONGEST_NAME]) or "?", readable(file[:_LONGEST_NAME]), line)


def _index(given: Any, size: int) -> int:
    if not isinstance(given, int) or isinstance(given, bool) or not 0 <= given < size:
        raise IngestError(f"speedscope: frame {str(given)[:40]} of {size}")
    return given


def _number(given: Any, what: str) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise IngestError(f"speedscope: {what} is no number")
    if not math.isfinite(given) or not 0 <= given <= _MOST_VALUE:
        raise IngestError(f"speedscope: {what} {given}, expected 0 to {_MOST_VALUE}")
    return given


def _list(given: Any, what: str) -> Sequence[Any]:
    if not isinstance(given, list):
        raise IngestError(f"speedscope: expected {what} to be a list")
    return given


def _object(given: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        raise IngestError(f"speedscope: expected {what} to be an object")
    return given
