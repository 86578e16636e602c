"""Access tokens: made, listed, revoked. The store holds only hashes.

A bearer token is ``kbz_ID_SECRET`` with 256 random bits, of which the SHA-256 is kept: there is nothing to guess, so that a
slow hash would protect nothing. An AWS client needs a secret that the server knows too; it is derived from the access key
id and a key in a file beside the store, and is kept nowhere.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from kibitz_server.auth import ROLES, Principal
from kibitz_server.store import StoreError, schema
from kibitz_server.store.transactions import explained

KEY_FILE = "secret.key"
BEARER, AWS = "bearer", "aws"
_PREFIX = "kbz"
_AWS_PREFIX = "KBZA"
_CACHE_S = 5.0


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is listed. ``kind``: bearer or aws; ``created``: epoch seconds."""

    id: str
    name: str
    role: str
    kind: str
    created: float


class Tokens:
    """The tokens in a database. What is read is believed for a few seconds: that long a revoked token still works."""

    def __init__(self, engine: Engine, key: bytes, clock: Callable[[], float] = time.time) -> None:
        """``key``: what AWS secrets are derived from; ``clock`` gives epoch seconds."""
        self._engine, self._key, self._clock = engine, key, clock
        self._cache: tuple[float, dict[str, tuple[Token, bytes]]] | None = None

    @property
    def cookie_key(self) -> bytes:
        """What session cookies are signed with."""
        return hmac.new(self._key, b"cookies", hashlib.sha256).digest()

    def create(self, name: str, role: str, kind: str = BEARER) -> tuple[str, str]:
        """A new token: (its id, its secret). The secret is shown now and never again."""
        if role not in ROLES:
            raise ValueError(f"role {role!r}: expected one of {', '.join(ROLES)}")
        if kind == AWS:
            identity = _AWS_PREFIX + base64.b32encode(secrets.token_bytes(10)).decode()
            secret, digest = self.aws_secret(identity), b""
        else:
            identity, random = secrets.token_hex(6), secrets.token_urlsafe(32)
            secret, digest = f"{_PREFIX}_{identity}_{random}", _digest(random)
        row = {
            "id": identity,
            "name": name,
            "role": role,
            "kind": kind,
            "digest": digest,
            "created": self._clock(),
        }
        with explained(), self._engine.connect() as connection:
            connection.execute(schema.tokens.insert().values(**row))
            connection.commit()
        self._cache = None
        return identity, secret

    def list(self) -> Sequence[Token]:
        """All tokens, the oldest first."""
        return sorted((token for token, _ in self._read().values()), key=lambda token: token.created)

    def revoke(self, identity: str) -> bool:
        """Forget a token; False if there is none of that id."""
        with explained(), self._engine.connect() as connection:
            result = connection.execute(schema.tokens.delete().where(schema.tokens.c.id == identity))
            connection.commit()
        self._cache = None
        return bool(result.rowcount)

    def bearer(self, text: str) -> Principal | None:
        """Who a bearer token belongs to; None if it is none of ours."""
        prefix, _, rest = text.partition("_")
        identity, _, random = rest.partition("_")
        token, digest = self._known().get(identity, (None, bytes(32)))
        same = hmac.compare_digest(_digest(random), digest)  # also for unknown ids: they take as long
        if token is None or token.kind != BEARER or prefix != _PREFIX or not same:
            return None
        return Principal(token.id, token.role)

    def role(self, identity: str) -> str | None:
        """The role of a token that is known already (a session's, an access key's); None if it was revoked."""
        known = self._known().get(identity)
        return known[0].role if known else None

    def aws_secret(self, identity: str) -> str:
        """The secret that belongs to an access key id."""
        digest = hmac.new(self._key, identity.encode(), hashlib.sha256).digest()
        return base64.b64encode(digest)[:40].decode()

    def _known(self) -> dict[str, tuple[Token, bytes]]:
        now = time.monotonic()
        cached = self._cache
        if cached is None or now - cached[0] > _CACHE_S:
            cached = self._cache = (now, self._read())
        return cached[1]

    def _read(self) -> dict[str, tuple[Token, bytes]]:
        table = schema.tokens
        with explained(), self._engine.connect() as connection:
            rows = connection.execute(sa.select(table)).all()
        return {
            row.id: (Token(row.id, row.name, row.role, row.kind, row.created), row.digest) for row in rows
        }


def read_key(data: Path) -> bytes:
    """The server's key, in a file that only its owner may read; made when there is none."""
    path = data / KEY_FILE
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pass
        else:
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(32))
                file.flush()
                os.fsync(file.fileno())
        key = path.read_bytes()
    except OSError as error:
        raise StoreError(f"cannot use the key file {path}: {error.strerror}") from error
    if len(key) < 32:
        raise StoreError(
            f"the key file {path} has {len(key)} bytes, expected 32: remove it, and make AWS keys anew"
        )
    return key


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
