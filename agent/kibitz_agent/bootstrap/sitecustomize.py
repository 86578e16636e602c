"""Found first on PYTHONPATH by the interpreter that `kibitz run` starts: begins profiling, then steps aside."""

import sys
from importlib import import_module


def _begin() -> None:
    try:
        from kibitz_agent.launcher import begin
    except ImportError:
        from pathlib import Path

        # The agent was run from a place that is not on this interpreter's path.
        source = str(Path(__file__).resolve().parents[2])
        sys.path.append(source)
        try:
            from kibitz_agent.launcher import begin
        finally:
            sys.path.remove(source)
    begin()


_begin()

# The program's own sitecustomize, if it has one, comes as if this one had never been.
del sys.modules["sitecustomize"]
try:
    import_module("sitecustomize")
except ImportError as error:
    if error.name != "sitecustomize":
        raise
    sys.modules["sitecustomize"] = type(sys)("sitecustomize")
