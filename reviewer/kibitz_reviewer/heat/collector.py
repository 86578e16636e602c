"""Heat from a collector: what its groups' profiles of the last days say of each function."""

from __future__ import annotations

import re
import urllib.parse
from typing import Any

from kibitz_reviewer.forges import ForgeError
from kibitz_reviewer.forges.answers import record, records
from kibitz_reviewer.forges.rest import Rest
from kibitz_reviewer.heat import HeatError, HeatProfile, Hot

DAYS = 7
MOST_GROUPS = 20
TIMEOUT_S = 30.0
_GROUP = re.compile(r"(.*?)/groups/([^/?#]+)(?:[/?#].*)?\Z")
_MEASURES = {"cpu": "CPU time", "wall": "the time", "samples": "the time"}


def load(address: str, token: str) -> list[HeatProfile]:
    """The profiles of one group (``.../groups/NAME``) or of the groups that reported last. Raises ``HeatError``."""
    match = _GROUP.match(address)
    base = (match[1] if match else address).rstrip("/")
    headers = {"User-Agent": "kibitz", **({"Authorization": f"Bearer {token}"} if token else {})}
    rest = Rest(base, headers, secrets=(token,) if token else (), timeout_s=TIMEOUT_S, attempts=2)
    try:
        names = [urllib.parse.unquote(match[2])] if match else _groups(rest)
        answers = [
            rest.get(f"/api/groups/{urllib.parse.quote(name, safe='')}/heat?from=-{DAYS}d") for name in names
        ]
    except ForgeError as error:
        raise HeatError(str(error)) from None
    return [_profile(record(answer)) for answer in answers]


def _groups(rest: Rest) -> list[str]:
    answer = record(rest.get("/api/groups"))
    return [str(group.get("name")) for group in records(answer.get("groups")) if group.get("profiles")][
        :MOST_GROUPS
    ]


def _profile(answer: dict[str, Any]) -> HeatProfile:
    whole = answer.get("total")
    whole = whole if isinstance(whole, int) and whole > 0 else 1
    functions = [
        Hot(str(one.get("name")), str(one.get("file") or ""), total / whole)
        for one in records(answer.get("functions"))
        if isinstance(total := one.get("total"), int)
    ]
    blobs = {
        file: frozenset(map(str, ids))
        for file, ids in record(answer.get("blobs")).items()
        if isinstance(ids, list)
    }
    where = f"`{answer.get('group')}` in the last {DAYS} days"
    return HeatProfile(where, functions, _MEASURES.get(str(answer.get("value")), "the time"), blobs)
