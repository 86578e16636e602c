"""Found first on PYTHONPATH by the interpreter that `kibitz run` starts: steps aside, then begins profiling."""

import sys
from importlib import import_module
from types import ModuleType


def _launcher() -> ModuleType:
    try:
        return import_module("kibitz_agent.launcher")
    except ImportError:
        from pathlib import Path

        # The agent was run from a place that is not on this interpreter's path.
        source = str(Path(__file__).resolve().parents[2])
        sys.path.append(source)
        try:
            return import_module("kibitz_agent.launcher")
        finally:
            sys.path.remove(source)


_options = _launcher().take()

# The program's own sitecustomize, if it has one, comes as if this one had never been.
_own = sys.modules.pop("sitecustomize")
try:
    import_module("sitecustomize")
except ImportError as error:
    if error.name != "sitecustomize":
        raise
    sys.modules["sitecustomize"] = ModuleType("sitecustomize")

# Last, so that the first look finds the program and not the interpreter's own beginning.
_launcher().begin(_options)
