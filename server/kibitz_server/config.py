"""How a collector is set up: where it listens, where it keeps its data, who may speak to it."""

from __future__ import annotations

import ipaddress
import os
import sys
from dataclasses import dataclass
from pathlib import Path

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8787
STORE_FILE = "kibitz.sqlite"


class ConfigError(ValueError):
    """A setting that is refused; the message says what to do instead."""


@dataclass(frozen=True, slots=True)
class Config:
    """A collector's settings. ``token``: what every request must carry as a bearer token, "" for none.

    ``auto_create``: make a profiling group when an agent first speaks for it. ``store``: the address of a database, "" for
    a file in the data directory.
    """

    data: Path
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    token: str = ""
    threads: int = 32
    detection_interval_s: float = 300.0
    auto_create: bool = True
    store: str = ""

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach the collector."""
        return is_loopback(self.host)


def checked(config: Config) -> Config:
    """The same settings, or `ConfigError`: an address others can reach needs a token."""
    if not config.on_loopback and not config.token:
        raise ConfigError(
            f"--host {config.host} can be reached from other machines, so a token is needed: put one in a file and give "
            "--token-file FILE (or KIBITZ_TOKEN_FILE)"
        )
    if not 0 <= config.port <= 65535:
        raise ConfigError(f"--port {config.port}: expected 0 (any free one) to 65535")
    return config


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
