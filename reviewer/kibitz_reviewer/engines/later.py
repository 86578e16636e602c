"""libcst, loaded when something of it is first used.

The rules need it for their fixes. It takes as long to import as 5,000 lines take to review, and most reviews work out no
fix: ``from kibitz_reviewer.engines.later import cst`` stands for ``import libcst as cst`` where only fixes use it.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Any

__all__ = ["cst"]


class _Later(ModuleType):
    def __getattr__(self, name: str) -> Any:
        """What the module itself has under that name; kept, so that it is asked for once."""
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(importlib.import_module(self.__name__), name)
        setattr(self, name, found)
        return found


if TYPE_CHECKING:
    import libcst as cst
else:
    cst = _Later("libcst")
