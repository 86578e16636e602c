"""Many reports in one request: kept with as few syncs to disk as it takes, answered one by one."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Blueprint, Response, current_app, jsonify, request

from kibitz_agent.profile import Profile, ProfileError
from kibitz_server.api import ApiError, checked_group_name, validation_error
from kibitz_server.api.aws import agents
from kibitz_server.api.aws.collector import Collector
from kibitz_server.ingest import IngestError, TooLargeError, batch, kibitz
from kibitz_server.store import Report

api = Blueprint("reports", __name__)

_LONGEST_TOKEN = 64


@api.post("/api/reports")
def post_reports() -> Response:
    """Keep all reports of a batch; answers how many were kept, were there already, and what is wrong with the others.

    Returns once they are on disk. Sending the batch again changes nothing.
    """
    if request.mimetype != batch.CONTENT_TYPE:
        raise ApiError("ValidationException", 415, f"expected a body of type {batch.CONTENT_TYPE}")
    collector: Collector = current_app.extensions["kibitz_collector"]
    intake = _Intake(collector)
    try:
        bodies = list(batch.messages(request.get_data(cache=False)))
    except TooLargeError as error:
        raise ApiError("ValidationException", 413, str(error)) from error
    except IngestError as error:
        raise validation_error(str(error)) from error
    outcomes = collector.store.add_all(intake.reports(bodies))
    for place, outcome in zip(intake.places, outcomes, strict=True):
        if isinstance(outcome, ProfileError):
            intake.refuse(place, str(outcome))
    kept = sum(outcome is True for outcome in outcomes)
    seen = sum(outcome is False for outcome in outcomes)
    return jsonify(kept=kept, seen=seen, refused=sorted(intake.refused, key=lambda one: one["report"]))


class _Intake:
    """One batch on its way in: ``places`` says which reports were read, ``refused`` what was wrong with the others."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self.places: list[int] = []
        self.refused: list[dict[str, int | str]] = []

    def refuse(self, place: int, message: str) -> None:
        self.refused.append({"report": place, "message": message})

    def reports(self, bodies: list[bytes]) -> Iterator[Report]:
        """The readable ones, decoded one at a time: a whole batch of call trees would fill the memory."""
        for place, body in enumerate(bodies):
            try:
                profile = self._checked(kibitz.decode(body))
            except (IngestError, ApiError) as error:
                self.refuse(place, str(error))
                continue
            self.places.append(place)
            yield Report(profile.header.group, profile, profile.header.token, "kibitz")

    def _checked(self, profile: Profile) -> Profile:
        name, token = checked_group_name(profile.header.group), profile.header.token
        if not 1 <= len(token) <= _LONGEST_TOKEN:
            raise validation_error(f"token: expected 1 to {_LONGEST_TOKEN} characters, found {len(token)}")
        if not self._collector.auto_create:
            self._collector.group(name)
        return agents.timed(profile, self._collector.clock())
