"""Who may do what: roles, and who a request comes from."""

from __future__ import annotations

import re
from dataclasses import dataclass

AGENT, VIEWER, ADMIN = "agent", "viewer", "admin"
ROLES = (AGENT, VIEWER, ADMIN)

_AGENT_POSTS = re.compile(
    r"/profilingGroups(/[^/]+/(configureAgent|agentProfile))?|/api/reports|/api/reviews|/ingest|/push\.v1\.PusherService/Push"
)
_READING_POSTS = re.compile(r"/profilingGroups/[^/]+/frames/-/metrics")


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: the token's id ("file" for the one in a file, "local" where none is needed) and its role."""

    id: str
    role: str


def allowed(role: str, method: str, path: str) -> bool:
    """Agents hand in profiles, viewers read, admins do everything."""
    if role == ADMIN:
        return True
    if role == VIEWER:
        return method in ("GET", "HEAD") or (method == "POST" and bool(_READING_POSTS.fullmatch(path)))
    return method == "POST" and bool(_AGENT_POSTS.fullmatch(path))
