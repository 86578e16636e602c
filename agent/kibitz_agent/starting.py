"""Start and stop: the one profiler of this process, made from what the host says and what its environment says."""

from __future__ import annotations

from typing import Any

from kibitz_agent.config import ConfigError, Configuration, Settings, collector_url, group_name, log
from kibitz_agent.fleet import Identity
from kibitz_agent.profile import Profile
from kibitz_agent.profiler import STOP_TIMEOUT_S, Profiler

DEFAULT_COLLECTOR = "http://127.0.0.1:8787"

_started: Profiler | None = None


def start(group: str | None = None, collector: str | None = None, **settings: Any) -> Profiler:
    """Profile this process into ``group`` of the collector at ``collector``, and return the `Profiler`.

    Both are otherwise taken from the environment (KIBITZ_GROUP, KIBITZ_COLLECTOR), the collector at last from its
    default, http://127.0.0.1:8787. ``settings`` are those of `config.Settings`. Never raises: what is wrong is logged,
    and the profiler returned is not running. Starting twice returns the profiler that runs.
    """
    global _started
    if _started is not None and _started.is_running():
        log.info("kibitz runs already; this start changes nothing")
        return _started
    try:
        _started = _assembled(group, collector, settings)
    except Exception as error:
        log.warning("kibitz is not started: %s", error if isinstance(error, ConfigError) else repr(error))
        _started = Profiler(_Nowhere(), Identity(), Settings(enabled=False))
    _started.start()
    return _started


def stop(timeout_s: float = STOP_TIMEOUT_S) -> None:
    """End what `start` began and report what was seen; see `Profiler.stop`."""
    if _started is not None:
        _started.stop(timeout_s)


def _assembled(group: str | None, collector: str | None, settings: dict[str, Any]) -> Profiler:
    from kibitz_agent import fleet
    from kibitz_agent.reporters.choose import reporter_to

    name, url = group_name(group), collector_url(collector)
    if not name:
        raise ConfigError(
            "group: expected a profiling group's name, found none; pass group= or set KIBITZ_GROUP"
        )
    identity = fleet.identify(name)
    reporter = reporter_to(url or DEFAULT_COLLECTOR, identity)
    return Profiler(reporter, identity, Configuration(settings))


class _Nowhere:
    """The reporter of a profiler that could not be set up."""

    def configure(self) -> None:
        return None

    def report(self, profile: Profile) -> None:
        pass

    def close(self, timeout_s: float) -> None:
        pass
