"""Kibitz's agent: a sampling profiler that lives inside the program it watches."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("kibitz")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0"
