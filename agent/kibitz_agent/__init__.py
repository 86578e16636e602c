"""Kibitz's agent: a sampling profiler that lives inside the program it watches.

``kibitz_agent.start(group="shop")`` begins, ``kibitz_agent.stop()`` ends; `Profiler` is what both work on. ``with
kibitz_agent.tag(endpoint="/cart"):`` says what the samples taken meanwhile are about. Nothing is
imported before it is used, so that importing this package costs a host next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kibitz_agent.profiler import Profiler
    from kibitz_agent.starting import start, stop
    from kibitz_agent.tags import tag

    __version__: str

__all__ = ["Profiler", "start", "stop", "tag"]

_HOMES = {"Profiler": "profiler", "start": "starting", "stop": "starting", "tag": "tags"}


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("kibitz")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "0"


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value: Any = _version()
    elif name in __all__:
        from importlib import import_module

        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value
