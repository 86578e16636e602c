"""How a collector is set up: where it listens, where it keeps its data, who may speak to it."""

from __future__ import annotations

import ipaddress
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from kibitz_server.retention import Retention

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8787
STORE_FILE = "kibitz.sqlite"

_UNITS_S = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400, "y": 365 * 86_400}
_LEAST_REPORTS_S = 25 * 3600


class ConfigError(ValueError):
    """A setting that is refused; the message says what to do instead."""


@dataclass(frozen=True, slots=True)
class Config:
    """A collector's settings. ``token``: what every request must carry as a bearer token, "" for none.

    ``auto_create``: make a profiling group when an agent first speaks for it. ``store``: the address of a database, "" for
    a file in the data directory. ``has_tokens``: the store has tokens of its own; ``require_token``: ask for one on loopback
    too; ``workers``: processes that serve, each with so many ``threads``; ``secure_cookies``: browsers come by HTTPS, through a proxy; ``rate_per_s``: requests of one address, where a token
    is needed; ``log_form``: text or json; ``retention``: how long what is kept.
    """

    data: Path
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    token: str = ""
    threads: int = 32
    workers: int = 1
    detection_interval_s: float = 300.0
    auto_create: bool = True
    store: str = ""
    has_tokens: bool = False
    require_token: bool = False
    secure_cookies: bool = False
    rate_per_s: float = 500.0
    log_form: str = "text"
    retention: Retention = field(default_factory=Retention)

    @property
    def needs_token(self) -> bool:
        """Whether requests must say who asks."""
        return bool(self.token) or self.require_token or not self.on_loopback

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach the collector."""
        return is_loopback(self.host)


def checked(config: Config) -> Config:
    """The same settings, or `ConfigError`: an address others can reach needs a token."""
    if config.needs_token and not (config.token or config.has_tokens):
        raise ConfigError(
            f"--host {config.host}: requests must carry a token, and there is none yet. Make one with `kibitz token create "
            "--role admin`, or put one in a file and give --token-file FILE (or KIBITZ_TOKEN_FILE)"
        )
    if not 0 <= config.port <= 65535:
        raise ConfigError(f"--port {config.port}: expected 0 (any free one) to 65535")
    return config


def duration_s(text: str) -> float:
    """``90m``, ``36h``, ``15d``, ``8w`` or ``3y`` in seconds; `ConfigError` on anything else."""
    number, unit = text[:-1], text[-1:]
    if (
        unit not in _UNITS_S
        or not number.isascii()
        or not number.isdigit()
        or not 0 < int(number[:9]) < 10**6
    ):
        raise ConfigError(f"{text[:20]!r}: expected a number and a unit, {', '.join(_UNITS_S)}, such as 15d")
    return int(number) * _UNITS_S[unit]


def retention_of(reports: str, five_minutes: str, hours: str, days: str) -> Retention:
    """How long what is kept; `ConfigError` where what is coarser would be gone before what is finer."""
    kept = Retention(*map(duration_s, (reports, five_minutes, hours, days)))
    steps = (kept.reports_s, kept.five_minutes_s, kept.hours_s, kept.days_s)
    if kept.reports_s < _LEAST_REPORTS_S:
        raise ConfigError(
            f"--keep-reports {reports}: expected 25h or more: reports may come a day late, and their tokens are known "
            "for as long as they are kept"
        )
    if list(steps) != sorted(steps):
        raise ConfigError("--keep-...: what is coarser must be kept at least as long: reports, 5m, 1h, 1d")
    return kept


def is_loopback(host: str) -> bool:
    """Whether ``host`` (a name or an address, brackets allowed) is this machine's own."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def read_token(path: Path | None) -> str:
    """The token in a file (or in the file that KIBITZ_TOKEN_FILE names); "" when there is none."""
    named = os.environ.get("KIBITZ_TOKEN_FILE")
    path = path or (Path(named) if named else None)
    if path is None:
        return ""
    try:
        token = path.read_text().strip()
    except OSError as error:
        raise ConfigError(f"cannot read the token file {path}: {error.strerror}") from error
    if len(token) < 16 or not token.isascii() or not token.isprintable():
        raise ConfigError(f"the token in {path} must be 16 or more printable ASCII characters")
    return token


def default_data_dir() -> Path:
    """Where a user's programs keep their data: per the XDG convention, or the platform's own."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", "~")).expanduser() / "kibitz"
    if sys.platform == "darwin":
        return Path("~/Library/Application Support/kibitz").expanduser()
    return Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser() / "kibitz"
