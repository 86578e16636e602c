"""Settings beside the agents': where a group's source can be read, and the collector's tokens. No script is needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, cast

from flask import current_app, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from kibitz_server import costs, sources
from kibitz_server.api import ApiError
from kibitz_server.auth import ADMIN, ROLES
from kibitz_server.auth.tokens import AWS, BEARER, Tokens
from kibitz_server.recommendations.group import change_price
from kibitz_server.web.group_pages import refuse_other_sites, settings_form
from kibitz_server.web.views import known_group, page_store, pages

__all__ = ["pages"]

_LONGEST_NAME = 80
_KINDS = {BEARER: "for our agents, scripts and pages", AWS: "for AWS clients: an access key and its secret"}


@pages.post("/groups/<name>/settings/sources")
def change_sources(name: str) -> AnyResponse | tuple[str, int]:
    """Keep where the group's source can be read; a template that no page should open is explained."""
    group = known_group(name)
    refuse_other_sites()
    try:
        wanted = sources.parse(request.form)
    except sources.SourcesError as error:
        return settings_form(name, links=dict(request.form), error=str(error)), 400

    def change(_: Mapping[str, Any]) -> Mapping[str, Any]:
        return asdict(wanted)

    page_store().change_document(group.name, sources.DOCUMENT, change)
    return redirect(url_for("pages.settings_page", name=name, saved=1), 303)


@pages.post("/groups/<name>/settings/price")
def change_cost(name: str) -> AnyResponse | tuple[str, int]:
    """Keep what the group's CPU time costs; without a number and a machine it costs nothing that is known."""
    group = known_group(name)
    refuse_other_sites()
    try:
        change_price(page_store(), group.name, _price(request.form))
    except costs.CostError as error:
        return settings_form(name, price=dict(request.form), error=str(error)), 400
    return redirect(url_for("pages.settings_page", name=name, saved=1), 303)


def _price(form: Mapping[str, str]) -> dict[str, Any]:
    number, kind = form.get("per_vcpu_hour", "").strip(), form.get("instance_type", "")
    if number and kind:
        raise costs.CostError("per_vcpu_hour, instance_type: expected one of them, not both")
    if kind or not number:
        return {"instance_type": kind} if kind else {}
    try:
        amount = float(number)
    except ValueError as error:
        raise costs.CostError(f"per_vcpu_hour: expected a number, found {number[:40]}") from error
    return {"per_vcpu_hour": amount, "currency": form.get("currency", "").strip().upper() or costs.DOLLARS}


@pages.get("/settings")
def collector_settings() -> str:
    """The collector's tokens; only an administrator may see who has one."""
    _administrator()
    return _tokens_page()


@pages.post("/settings/tokens")
def create_token() -> str | tuple[str, int]:
    """A new token, shown this once."""
    refuse_other_sites()
    _administrator()
    name = request.form.get("name", "").strip()
    role, kind = request.form.get("role", ""), request.form.get("kind", BEARER)
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        return _tokens_page(error=f"name: expected 1 to {_LONGEST_NAME} printable characters"), 400
    if role not in ROLES or kind not in _KINDS:
        return _tokens_page(error="role, kind: expected one of those offered"), 400
    return _tokens_page(made=_tokens().create(name, role, kind), kind=kind)


@pages.post("/settings/tokens/<identity>/revoke")
def revoke_token(identity: str) -> AnyResponse:
    """Forget a token: whoever has it is shut out within seconds."""
    refuse_other_sites()
    _administrator()
    if not _tokens().revoke(identity):
        raise ApiError("ResourceNotFoundException", 404, "no such token")
    return redirect(url_for("pages.collector_settings"), 303)


def _tokens_page(made: tuple[str, str] | None = None, kind: str = BEARER, error: str = "") -> str:
    tokens = cast("Tokens | None", current_app.extensions.get("kibitz_tokens"))
    return render_template(
        "tokens.html",
        tokens=tokens.list() if tokens is not None else None,
        roles=ROLES,
        kinds=_KINDS,
        made=made,
        made_for_aws=kind == AWS,
        error=error,
        collector=request.host_url.rstrip("/"),
    )


def _tokens() -> Tokens:
    tokens = cast("Tokens | None", current_app.extensions.get("kibitz_tokens"))
    if tokens is None:
        raise ApiError("ValidationException", 400, "this collector keeps no tokens")
    return tokens


def _administrator() -> None:
    if g.principal.role != ADMIN:
        raise ApiError("AccessDeniedException", 403, "only an administrator may do this")
