"""From a forge's event to what is to be done about it: review this pull request, or nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kibitz_reviewer.forges.answers import number, record, records

# Names may begin with a dot (`.github`), but "." and ".." are no names, nor may one look like an option.
_NAME = re.compile(r"(?!-)(?:(?!\.{1,2}(?:/|\Z))[\w.-]+/){1,20}(?!\.{1,2}\Z)[\w.-]+\Z", re.ASCII)
_ORDER = re.compile(r"^[ \t]{0,3}/kibitz[ \t]", re.MULTILINE)
_WITH_A_SAY = ("OWNER", "MEMBER", "COLLABORATOR")


@dataclass(frozen=True, slots=True)
class Job:
    """One pull request to review. ``repository`` is its name on the forge; ``installation`` the GitHub App's, 0 for none."""

    forge: str
    repository: str
    number: int
    installation: int = 0

    @property
    def key(self) -> str:
        """What tells one pull request from all others."""
        return f"{self.forge}:{self.repository}#{self.number}"


def jobs_of(forge: str, headers: Mapping[str, str], payload: Mapping[str, Any]) -> list[Job]:
    """What an event asks for; nothing for most. ``headers``: names in lower case."""
    found = {"github": _github, "gitlab": _gitlab, "bitbucket": _bitbucket}[forge](headers, payload)
    return [job for job in found if job.number > 0 and _NAME.match(job.repository)]


def _github(headers: Mapping[str, str], payload: Mapping[str, Any]) -> list[Job]:
    event, action = headers.get("x-github-event", ""), payload.get("action")
    repository = str(record(payload.get("repository")).get("full_name") or "")
    installation = number(record(payload.get("installation")).get("id"))
    pulls: list[dict[str, Any]] = []
    if event == "pull_request":
        base_changed = action == "edited" and "base" in record(payload.get("changes"))
        if action in ("opened", "reopened", "synchronize", "ready_for_review") or base_changed:
            pulls = [record(payload.get("pull_request"))]
    elif event == "issue_comment" and action == "created" and _is_order(payload):
        issue = record(payload.get("issue"))
        pulls = [issue] if "pull_request" in issue else []
    elif event == "pull_request_review_comment" and action == "created" and _is_order(payload):
        pulls = [record(payload.get("pull_request"))]
    elif event in ("check_run", "check_suite") and action == "rerequested":
        pulls = records(record(payload.get(event)).get("pull_requests"))
    return [Job("github", repository, number(pull.get("number")), installation) for pull in pulls]


def _is_order(payload: Mapping[str, Any]) -> bool:
    """A person with a say told us something; who writes to themselves would never come to an end."""
    comment = record(payload.get("comment"))
    is_person = record(payload.get("sender")).get("type") != "Bot"
    has_say = comment.get("author_association") in _WITH_A_SAY
    return is_person and has_say and _ORDER.search(str(comment.get("body") or "")) is not None


def _gitlab(headers: Mapping[str, str], payload: Mapping[str, Any]) -> list[Job]:
    event, attributes = headers.get("x-gitlab-event", ""), record(payload.get("object_attributes"))
    repository = str(record(payload.get("project")).get("path_with_namespace") or "")
    if event == "Merge Request Hook":
        pushed = attributes.get("action") == "update" and bool(attributes.get("oldrev"))
        undrafted = "draft" in record(payload.get("changes"))
        if attributes.get("action") in ("open", "reopen") or pushed or undrafted:
            return [Job("gitlab", repository, number(attributes.get("iid")))]
    if event == "Note Hook" and _ORDER.search(str(attributes.get("note") or "")):
        return [Job("gitlab", repository, number(record(payload.get("merge_request")).get("iid")))]
    return []


def _bitbucket(headers: Mapping[str, str], payload: Mapping[str, Any]) -> list[Job]:
    event = headers.get("x-event-key", "")
    repository = str(record(payload.get("repository")).get("full_name") or "")
    text = str(record(payload.get("comment"), "content").get("raw") or "")
    wanted = event in ("pullrequest:created", "pullrequest:updated")
    if wanted or (event == "pullrequest:comment_created" and _ORDER.search(text)):
        return [Job("bitbucket", repository, number(record(payload.get("pullrequest")).get("id")))]
    return []
