"""How a review is written down: one module per format, each with ``render(review) -> str``."""

from __future__ import annotations

import importlib
from typing import Protocol, cast

from kibitz_reviewer.runner import Review

FORMATS = ("text", "json", "sarif", "gitlab", "junit", "github", "aws")


class Publisher(Protocol):
    """A module that renders a review."""

    def render(self, review: Review) -> str:
        """The whole report as text, ending in a newline."""


def publisher(name: str) -> Publisher:
    """The publisher of that format; ``ValueError`` says which there are."""
    if name not in FORMATS:
        raise ValueError(f"expected a format ({', '.join(FORMATS)}), got {name!r}")
    return cast(Publisher, importlib.import_module(f"kibitz_reviewer.publish.{name}"))
