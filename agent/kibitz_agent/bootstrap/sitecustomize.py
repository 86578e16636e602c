"""Found first on PYTHONPATH by the interpreter that `kibitz run` starts, and by those that its program starts.

Begins profiling, and steps aside: the program's own ``sitecustomize``, if it has one, comes as if this one had never been.
Written so that any interpreter can read it, as a program may start whichever it likes; one that is too old is let be.
"""

import sys
from importlib import import_module


def _launcher():  # type: ignore[no-untyped-def]
    try:
        return import_module("kibitz_agent.launcher")
    except ImportError:
        import os

        # The agent was run from a place that is not on this interpreter's path.
        source = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120
        sys.path.append(source)
        try:
            return import_module("kibitz_agent.launcher")
        finally:
            sys.path.remove(source)


_found = _options = None
if sys.version_info >= (3, 11):  # noqa: UP036
    try:
        _found = _launcher()  # type: ignore[no-untyped-call]
        _options = _found.take()
    except Exception:
        # Nobody asked this interpreter whether it can: it is a child of the program that was launched.
        _found = None
if _found is None:
    sys.path[:] = [entry for entry in sys.path if not __file__.startswith(entry or "?")]

_own = sys.modules.pop("sitecustomize")
_missing = None
try:
    import_module("sitecustomize")
except ImportError as error:
    if getattr(error, "name", "sitecustomize") != "sitecustomize":
        raise
    # As `site` knows it: there is none.
    _missing = error

# Last, so that the first look finds the program and not the interpreter's own beginning.
if _found is not None:
    _found.begin(_options)
if _missing is not None:
    raise _missing
