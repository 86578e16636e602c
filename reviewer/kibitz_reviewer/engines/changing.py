"""The libcst transformer behind ``edits.changed``; apart, so that libcst is loaded only where something is changed."""

from __future__ import annotations

from collections.abc import Callable

import libcst as cst


class Changing(cst.CSTTransformer):
    """Puts what ``change`` gives in the place of each node, the inner ones first; ``found``: whether it ever did."""

    def __init__(self, change: Callable[[cst.CSTNode], cst.CSTNode | None]) -> None:
        super().__init__()
        self.change, self.found = change, False

    def on_leave(self, original_node: cst.CSTNode, updated_node: cst.CSTNode) -> cst.CSTNode:  # type: ignore[override]
        new = self.change(updated_node)
        self.found = self.found or new is not None
        return updated_node if new is None else new
