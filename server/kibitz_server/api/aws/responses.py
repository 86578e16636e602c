"""An operation's result as an HTTP answer, by its output shape: AWS's restJson1."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from kibitz_server.api.aws.model import Operation, Service, Shape


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers and body of an answer."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def answer(service: Service, operation: Operation, result: Mapping[str, Any]) -> Answer:
    """``result`` has the output shape's members by name; times are epoch seconds, absent members are left out."""
    shape = operation.output
    if shape is None or operation.status == 204:
        return Answer(operation.status)
    headers = {
        member["locationName"]: str(result[name])
        for name, member in shape["members"].items()
        if member.get("location") == "header" and result.get(name) is not None
    }
    payload = shape.get("payload")
    if payload is not None and service.shape(shape["members"][payload])["type"] == "blob":
        return Answer(operation.status, result[payload], headers)
    if payload is not None:
        document = jsonable(service, service.shape(shape["members"][payload]), result[payload])
    else:
        document = jsonable(service, shape, result)
    body = json.dumps(document, separators=(",", ":")).encode()
    return Answer(operation.status, body, {"Content-Type": "application/json", **headers})


def jsonable(service: Service, shape: Shape, value: Any) -> Any:
    """``value`` as JSON holds it; of a structure only the members that the shape has."""
    kind = shape["type"]
    if kind == "structure":
        return {
            name: jsonable(service, service.shape(member), value[name])
            for name, member in shape["members"].items()
            if value.get(name) is not None and "location" not in member
        }
    if kind == "list":
        member = service.shape(shape["member"])
        return [jsonable(service, member, item) for item in value]
    if kind == "map":
        member = service.shape(shape["value"])
        return {key: jsonable(service, member, item) for key, item in value.items()}
    if kind == "timestamp":
        return timestamp(value)
    return value


def timestamp(epoch_s: float) -> str:
    """ISO 8601 in UTC with milliseconds, as AWS writes times."""
    return datetime.fromtimestamp(epoch_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
