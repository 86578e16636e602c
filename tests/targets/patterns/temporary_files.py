"""Temporary files in a hot path: the problem, and its repair."""

import io
import tempfile


def wasteful():
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"x")


def repaired():
    with io.BytesIO() as file:
        file.write(b"x")
