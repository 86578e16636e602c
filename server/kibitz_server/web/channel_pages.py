"""A group's channels: listed, added, removed and tried out on a page that needs no script. Secrets are shown once."""

from __future__ import annotations

import time

from flask import g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from kibitz_server import channels
from kibitz_server.api import ApiError, not_found
from kibitz_server.auth import ADMIN
from kibitz_server.channels import Channel, ChannelError, delivery
from kibitz_server.web.finding_pages import pages
from kibitz_server.web.group_pages import refuse_other_sites
from kibitz_server.web.views import known_group, page_store

__all__ = ["pages"]

_KINDS = {
    channels.WEBHOOK: "signed JSON to a web address",
    channels.SLACK: "Slack, Mattermost and others of its form",
    channels.EMAIL: "e-mail",
    channels.SNS: "an SNS topic",
}


@pages.get("/groups/<name>/channels")
def channels_page(name: str) -> str:
    """A group's channels; only an administrator may see them."""
    _administrator()
    return _page(name)


@pages.post("/groups/<name>/channels")
def add_channel(name: str) -> str | tuple[str, int]:
    """Add one; its signing secret is shown this once."""
    refuse_other_sites()
    _administrator()
    group = known_group(name)
    try:
        channel = channels.created(
            request.form.get("kind", ""),
            request.form.get("address", "").strip(),
            request.form.get("secret", ""),
            time.time(),
        )
        channels.add(page_store(), group.name, channel)
    except ChannelError as error:
        return _page(name, error=str(error)), 400
    return _page(name, made=channel)


@pages.post("/groups/<name>/channels/<identity>/remove")
def remove_channel(name: str, identity: str) -> AnyResponse:
    """Forget one."""
    refuse_other_sites()
    _administrator()
    if not channels.remove(page_store(), known_group(name).name, identity):
        raise not_found("no such channel")
    return redirect(url_for("pages.channels_page", name=name), 303)


@pages.post("/groups/<name>/channels/<identity>/test")
def try_channel(name: str, identity: str) -> str | tuple[str, int]:
    """Send a test message, and say whether it was taken."""
    refuse_other_sites()
    _administrator()
    group = known_group(name)
    known = channels.listed(page_store().document(group.name, channels.DOCUMENT))
    chosen = next((channel for channel in known if channel.id == identity), None)
    if chosen is None:
        raise not_found("no such channel")
    try:
        delivery.try_out(chosen, group.name, delivery.senders(), time.time())
    except ChannelError as error:
        return _page(name, error=str(error)), 502
    return _page(name, taken=True)


def _page(name: str, made: Channel | None = None, error: str = "", *, taken: bool = False) -> str:
    group = known_group(name)
    known = channels.listed(page_store().document(group.name, channels.DOCUMENT))
    return render_template(
        "channels.html",
        group=group,
        channels=[(channel, channels.shown(channel)) for channel in known],
        kinds=_KINDS,
        made=made,
        error=error,
        taken=taken,
    )


def _administrator() -> None:
    if g.principal.role != ADMIN:
        raise ApiError("AccessDeniedException", 403, "only an administrator may do this")
