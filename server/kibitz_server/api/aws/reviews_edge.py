"""Where the two reviewing services of AWS meet the web: their operations, and the uploads their clients make."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response, current_app, request

from kibitz_server.api import ApiError
from kibitz_server.api.aws import model, requests, responses, reviewer, scans
from kibitz_server.reviews import Reviews

SERVICES = {
    "codeguru-reviewer": ("arn:aws:codeguru-reviewer:", reviewer.OPERATIONS),
    "codeguru-security": ("arn:aws:codeguru-security:", scans.OPERATIONS),
}
NOTHING: Mapping[str, Any] = {"operations": {}, "shapes": {}}
MAX_UPLOAD_BYTES = 500_000_000
_ARTIFACT = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_PIECE = 1 << 20


def blueprints() -> list[Blueprint]:
    """Both services (with botocore, whose descriptions they follow) and the address for uploads."""
    return [*(_edge(name, *given) for name, given in SERVICES.items()), _uploads()]


def _edge(name: str, arn: str, operations: Mapping[str, Callable[..., Any]]) -> Blueprint:
    blueprint = Blueprint(name, __name__)
    service = model.load(name, NOTHING)
    for operation in service.operations:
        blueprint.add_url_rule(
            rule_of(operation.uri, arn),
            endpoint=operation.name,
            methods=[operation.method],
            view_func=_view(service, operation, operations[operation.name], arn),
        )
    return blueprint


def rule_of(uri: str, arn: str) -> str:
    """A URI template as a routing rule. Tags have one address in all services: the ARN's beginning tells them apart."""
    uri = uri.replace("{resourceArn}", f"{arn}<path:resourceArn>")
    return re.sub(r"\{(\w+Arn)\}", r"<path:\1>", uri).replace("{", "<").replace("}", ">")


def _view(
    service: model.Service, operation: model.Operation, run: Callable[..., Any], arn: str
) -> Callable[..., Response]:
    def view(**labels: str) -> Response:
        if "resourceArn" in labels:
            labels["resourceArn"] = arn + labels["resourceArn"]
        query = {key: request.args.getlist(key) for key in request.args}
        asked = requests.Request(labels, query, dict(request.headers), request.get_data(cache=False))
        given = requests.params(service, operation, asked)
        answer = responses.answer(
            service, operation, run(_reviews(), {**given, "base_url": request.host_url})
        )
        return Response(answer.body, status=answer.status, headers=dict(answer.headers))

    return view


def _reviews() -> Reviews:
    reviews: Reviews = current_app.extensions["kibitz_reviews"]
    return reviews


def _uploads() -> Blueprint:
    blueprint = Blueprint("uploads", __name__)

    @blueprint.put("/uploads/<artifact>")
    def upload(artifact: str) -> Response:
        reviews = _reviews()
        if not _ARTIFACT.match(artifact) or reviews.documents.get(scans.UPLOAD, artifact) is None:
            raise ApiError("ResourceNotFoundException", 404, "no such upload: ask for an upload URL first")
        request.max_content_length = MAX_UPLOAD_BYTES
        try:
            with (reviews.uploads / artifact).open("xb") as target:
                while piece := request.stream.read(_PIECE):
                    target.write(piece)
        except FileExistsError:
            raise ApiError("ConflictException", 409, "this upload was made before") from None
        return Response(status=200)

    return blueprint
