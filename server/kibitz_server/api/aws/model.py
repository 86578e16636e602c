"""What an AWS service offers, as data: botocore's own description where it is installed, else what agents need of it.

The description is botocore's ``service-2.json``: operations with their HTTP form, shapes with their constraints. The
extra ``aws`` brings it, and with it all operations; without it the collector serves those that agents call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Shape = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: its name, HTTP method, URI template, success status, and shapes (None: none)."""

    name: str
    method: str
    uri: str
    status: int
    input: Shape | None
    output: Shape | None


@dataclass(frozen=True, slots=True)
class Service:
    """A service's operations, and the shapes they refer to by name."""

    operations: tuple[Operation, ...]
    shapes: Mapping[str, Shape]

    def shape(self, reference: Mapping[str, Any]) -> Shape:
        """The shape that a member refers to."""
        return self.shapes[reference["shape"]]

    def error_status(self, code: str) -> int:
        """The HTTP status of a modelled error; 500 for one that is not modelled."""
        return int(self.shapes.get(code, {}).get("error", {}).get("httpStatusCode", 500))


def load(service: str, fallback: Mapping[str, Any]) -> Service:
    """The description of ``service`` by botocore's name for it; ``fallback`` where botocore is not installed."""
    try:
        from botocore.exceptions import DataNotFoundError
        from botocore.loaders import Loader
    except ImportError:
        return parse(fallback)
    try:
        return parse(Loader().load_service_model(service, "service-2"))
    except DataNotFoundError:  # a botocore so old, or so new, that it lacks the service
        return parse(fallback)


def parse(description: Mapping[str, Any]) -> Service:
    """The operations and shapes of a description in botocore's form."""
    shapes = description["shapes"]

    def named(operation: Mapping[str, Any], side: str) -> Shape | None:
        reference = operation.get(side)
        return shapes[reference["shape"]] if reference else None

    operations = tuple(
        Operation(
            name,
            operation["http"]["method"],
            operation["http"]["requestUri"],
            operation["http"].get("responseCode", 200),
            named(operation, "input"),
            named(operation, "output"),
        )
        for name, operation in description["operations"].items()
    )
    return Service(operations, shapes)
