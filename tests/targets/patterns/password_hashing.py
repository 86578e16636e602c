"""Passwords hashed in a hot path: the problem, and its repair."""

import hashlib
import hmac

from werkzeug.security import check_password_hash, generate_password_hash

HASH = generate_password_hash("secret", "pbkdf2:sha256:5000")
TOKEN = hashlib.sha256(b"token").hexdigest()


def wasteful():
    check_password_hash(HASH, "secret")


def repaired():
    hmac.compare_digest(hashlib.sha256(b"token").hexdigest(), TOKEN)
