"""What can go wrong while attaching, each with the way out in its message."""

from __future__ import annotations


class AttachError(Exception):
    """Attaching failed; the target goes on as before. The message names the cause and what to do."""


class RefusedError(AttachError):
    """Nothing was tried: the target, or a permission, is such that attaching would fail or do harm."""


class HoldsGilError(AttachError):
    """The stopped thread holds the interpreter's lock, so that no Python may be run on it."""


class QueuedError(AttachError):
    """The request waits in the target until its main thread next runs Python."""
