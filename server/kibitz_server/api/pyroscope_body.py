"""What Pyroscope's SDKs push to ``/ingest``: a body or a form, in one of many formats."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request

from kibitz_agent.profile import Profile
from kibitz_server.api import ApiError
from kibitz_server.ingest import IngestError, collapsed, cumulative, inflate, jfr, pprof, speedscope

FORMATS = ("folded", "groups", "lines", "trie", "tree", "pprof", "jfr", "speedscope")
_MOST_RATE_HZ = 1_000_000
_OWN_TYPE = "binary/octet-stream+"


@dataclass(frozen=True, slots=True)
class Pushed:
    """A push's parts: the profile, and of a form the profile before it, what its types mean, and its labels."""

    content: bytes
    previous: bytes = b""
    types: bytes = b""
    labels: bytes = b""

    def parts(self) -> tuple[bytes, bytes, bytes, bytes]:
        """All of them: what tells one push from another."""
        return self.content, self.previous, self.types, self.labels


def pushed() -> Pushed:
    """The request's parts. `IngestError` where a form has no profile."""
    if request.mimetype == "multipart/form-data":
        content = _part("profile") or _part("jfr")
        if not content:
            raise IngestError("expected a file called 'profile' or 'jfr' in the form")
        return Pushed(content, _part("prev_profile"), _part("sample_type_config"), _part("labels"))
    body = request.get_data(cache=False)
    return Pushed(inflate(body) if request.headers.get("Content-Encoding", "").lower() == "gzip" else body)


def _part(name: str) -> bytes:
    """A form's file, or field: SDKs send the small parts as either."""
    upload = request.files.get(name)
    if upload is None:
        return request.form.get(name, "").encode("utf-8", "replace")
    content: bytes = upload.read()
    return content


def decoded(push: Pushed) -> Profile:
    """The profile of a push, in the format that the question or the content type names."""
    form, rate = _format(), request.args.get("sampleRate", "")
    if rate and (not rate.isascii() or not rate.isdigit() or not 1 <= int(rate[:9]) <= _MOST_RATE_HZ):
        raise IngestError(f"sampleRate: expected 1 to {_MOST_RATE_HZ}, found {rate[:40]!r}")
    units = request.args.get("units") or "samples"
    if units not in collapsed.UNITS:
        raise IngestError(f"units: expected one of {', '.join(collapsed.UNITS)}, found {units[:40]!r}")
    rate_hz, kind = int(rate or 100), collapsed.UNITS[units]
    match form:
        case "pprof":
            return _pprof(push)
        case "jfr":
            return jfr.decode(push.content, int(rate or 0), push.labels)
        case "speedscope":
            return speedscope.decode(push.content)
        case "trie":
            return collapsed.decode_trie(push.content, rate_hz, kind)
        case "tree":
            return collapsed.decode_tree(push.content, rate_hz, kind)
        case "folded" | "groups" | "lines":
            return collapsed.decode(push.content, rate_hz, counted=form != "lines", kind=kind)
    raise ApiError("ValidationException", 415, f"format {form[:40]!r}: expected one of {', '.join(FORMATS)}")


def _pprof(push: Pushed) -> Profile:
    """A pprof profile; what it counts since the process started becomes what the period added."""
    profile = pprof.decode(push.content)
    told = cumulative.configured(push.types) if push.types else {}
    if push.previous:
        names = {name for name, counted in told.items() if counted} if told else cumulative.GO_TYPES
        return cumulative.since(profile, pprof.decode(push.previous), names)
    return cumulative.without(profile, [name for name, counted in told.items() if counted])


def _format() -> str:
    """What the question says, else what the content type does: older agents of Pyroscope's say only that."""
    named = request.args.get("format")
    if not named and request.mimetype.startswith(_OWN_TYPE):
        named = request.mimetype.removeprefix(_OWN_TYPE)
    return named or ("pprof" if request.mimetype == "multipart/form-data" else "folded")
