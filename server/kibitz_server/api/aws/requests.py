"""An HTTP request as an operation's parameters, by its input shape: AWS's restJson1, every constraint checked."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kibitz_server.api import ApiError, validation_error
from kibitz_server.api.aws.model import Operation, Service, Shape

Params = dict[str, Any]

MAX_JSON_BYTES = 1 << 20
_LAST_EPOCH_S = 253_402_300_799.0  # the year 9999: what datetime can hold


@dataclass(frozen=True, slots=True)
class Request:
    """What of an HTTP request matters: decoded path labels, the query's values by name, headers, the body."""

    labels: Mapping[str, str]
    query: Mapping[str, Sequence[str]]
    headers: Mapping[str, str]
    body: bytes


def params(service: Service, operation: Operation, request: Request) -> Params:
    """The operation's parameters in Python's types; a ValidationException names the first one that is wrong.

    Times are floats (epoch seconds). A missing idempotency token is made, as the clients make it.
    """
    shape = operation.input
    if shape is None:
        return {}
    body = _body(service, shape, request.body)
    given: Params = {}
    for name, member in shape["members"].items():
        value = _located(service, name, member, request, body)
        if value is None and member.get("idempotencyToken"):
            value = str(uuid.uuid4())
        if value is None and member.get("location") == "header":
            value = ""
        if value is not None:
            given[name] = value
    _need(shape, given, "")
    return given


def _body(service: Service, shape: Shape, body: bytes) -> Mapping[str, Any]:
    payload = shape.get("payload")
    if payload is not None and service.shape(shape["members"][payload])["type"] == "blob":
        return {payload: body}
    if not any("location" not in member for member in shape["members"].values()) or not body.strip():
        return {}
    if len(body) > MAX_JSON_BYTES:
        raise ApiError("ValidationException", 413, f"the body has more than {MAX_JSON_BYTES} bytes")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise validation_error("the body must be JSON") from error
    if payload is not None:
        return {payload: document}
    if not isinstance(document, dict):
        raise validation_error("the body must be a JSON object")
    return document


def _located(
    service: Service, name: str, member: Mapping[str, Any], request: Request, body: Mapping[str, Any]
) -> Any:
    shape, location = service.shape(member), member.get("location")
    key = member.get("locationName", name)
    if location == "uri":
        return check(service, shape, request.labels[key], name)
    if location == "querystring":
        texts = request.query.get(key)
        return None if texts is None else _from_query(service, shape, texts, name)
    if location == "header":
        text = request.headers.get(key)
        return None if text is None else _from_text(service, shape, text, name)
    value = body.get(key)
    return None if value is None else check(service, shape, value, name)


def _from_query(service: Service, shape: Shape, texts: Sequence[str], path: str) -> Any:
    if shape["type"] == "list":
        member = service.shape(shape["member"])
        return check(service, shape, [_converted(member, text, path) for text in texts], path)
    return _from_text(service, shape, texts[0], path)


def _from_text(service: Service, shape: Shape, text: str, path: str) -> Any:
    return check(service, shape, _converted(shape, text, path), path)


def _converted(shape: Shape, text: str, path: str) -> Any:
    """A query's or header's text as JSON would have held it."""
    kind = shape["type"]
    if kind == "boolean":
        if text not in ("true", "false"):
            raise validation_error(f"{path}: expected true or false, found {text[:40]!r}")
        return text == "true"
    if kind in ("integer", "long"):
        if not re.fullmatch(r"-?\d{1,18}", text, re.ASCII):
            raise validation_error(f"{path}: expected a whole number, found {text[:40]!r}")
        return int(text)
    return text


def check(service: Service, shape: Shape, value: Any, path: str) -> Any:
    """``value`` in Python's types, if it obeys ``shape``: type, length, range, pattern, enumeration, members."""
    checker = _CHECKERS.get(shape["type"])
    if checker is None:
        raise validation_error(f"{path}: values of type {shape['type']} are not understood")
    return checker(service, shape, value, path)


def _string(service: Service, shape: Shape, value: Any, path: str) -> str:
    del service
    if not isinstance(value, str):
        raise validation_error(f"{path}: expected a string, found {_kind(value)}")
    _within(shape, len(value), f"{path}: expected {{}} characters, found {len(value)}")
    pattern = shape.get("pattern")
    if pattern is not None and not re.fullmatch(pattern, value, re.ASCII):
        raise validation_error(f"{path}: {value[:80]!r} does not match {pattern}")
    allowed = shape.get("enum")
    if allowed is not None and value not in allowed:
        raise validation_error(f"{path}: expected one of {', '.join(allowed)}, found {value[:80]!r}")
    return value


def _integer(service: Service, shape: Shape, value: Any, path: str) -> int:
    del service
    if not isinstance(value, int) or isinstance(value, bool) or not -(1 << 63) <= value < 1 << 63:
        raise validation_error(f"{path}: expected a whole number, found {_kind(value)}")
    _within(shape, value, f"{path}: expected {{}}, found {value}")
    return value


def _double(service: Service, shape: Shape, value: Any, path: str) -> float:
    del service
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise validation_error(f"{path}: expected a number, found {_kind(value)}")
    _within(shape, value, f"{path}: expected {{}}, found {value}")
    return float(value)


def _boolean(service: Service, shape: Shape, value: Any, path: str) -> bool:
    del service, shape
    if not isinstance(value, bool):
        raise validation_error(f"{path}: expected true or false, found {_kind(value)}")
    return value


def _timestamp(service: Service, shape: Shape, value: Any, path: str) -> float:
    """Epoch seconds, from ISO 8601 or from a number."""
    del service, shape
    try:
        if isinstance(value, str) and not re.fullmatch(r"\d{1,12}(\.\d{1,9})?", value, re.ASCII):
            moment = datetime.fromisoformat(value)
            seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        elif isinstance(value, str | int | float) and not isinstance(value, bool):
            seconds = float(value)
        else:
            raise validation_error(f"{path}: expected a time, found {_kind(value)}")
    except (ValueError, OverflowError) as error:
        raise validation_error(f"{path}: expected an ISO 8601 time, found {str(value)[:40]!r}") from error
    if not 0 <= seconds <= _LAST_EPOCH_S:
        raise validation_error(f"{path}: expected a time from 1970 to 9999")
    return seconds


def _list(service: Service, shape: Shape, value: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise validation_error(f"{path}: expected an array, found {_kind(value)}")
    _within(shape, len(value), f"{path}: expected {{}} entries, found {len(value)}")
    member = service.shape(shape["member"])
    return [check(service, member, item, f"{path}[{index}]") for index, item in enumerate(value)]


def _map(service: Service, shape: Shape, value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise validation_error(f"{path}: expected an object, found {_kind(value)}")
    member = service.shape(shape["value"])
    known = service.shape(shape["key"]).get("enum")
    # An agent newer than the description may tell more about itself: what is not known is not needed.
    return {
        key: check(service, member, item, f"{path}.{key[:40]}")
        for key, item in value.items()
        if known is None or key in known
    }


def _structure(service: Service, shape: Shape, value: Any, path: str) -> Params:
    if not isinstance(value, dict):
        raise validation_error(f"{path}: expected an object, found {_kind(value)}")
    given = {
        name: check(service, service.shape(member), value[name], f"{path}.{name}")
        for name, member in shape["members"].items()
        if value.get(name) is not None
    }
    _need(shape, given, f"{path}.")
    return given


def _blob(service: Service, shape: Shape, value: Any, path: str) -> Any:
    del service, shape, path
    return value


_CHECKERS: dict[str, Callable[[Service, Shape, Any, str], Any]] = {
    "string": _string,
    "integer": _integer,
    "long": _integer,
    "double": _double,
    "float": _double,
    "boolean": _boolean,
    "timestamp": _timestamp,
    "list": _list,
    "map": _map,
    "structure": _structure,
    "blob": _blob,
}


def _need(shape: Shape, given: Params, prefix: str) -> None:
    for name in shape.get("required", ()):
        if name not in given:
            raise validation_error(f"{prefix}{name}: missing")


def _within(shape: Shape, size: float, message: str) -> None:
    low, high = shape.get("min"), shape.get("max")
    if (low is not None and size < low) or (high is not None and size > high):
        bounds = (
            f"{low} to {high}"
            if None not in (low, high)
            else f"at least {low}"
            if high is None
            else f"at most {high}"
        )
        raise validation_error(message.format(bounds))


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")
