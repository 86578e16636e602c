"""Settings: what they are, where each may come from, and what is refused.

A setting is looked for in four places, the first that has it wins:

1. arguments (``kibitz_agent.start(sampling_interval_ms=10)``, ``kibitz run --sampling-interval-ms 10``)
2. the environment: ``KIBITZ_SAMPLING_INTERVAL_MS``; then AWS's name, ``AWS_CODEGURU_PROFILER_SAMPLING_INTERVAL_MS``
3. the collector's answer to ConfigureAgent: ``agentParameters["SamplingIntervalInMilliseconds"]``
4. the default

A wrong argument or variable is a `ConfigError`. A wrong answer of the collector is refused value by value, logged
once, and what was in force stays so.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kibitz_agent.own_threads import OWN

log = logging.getLogger("kibitz")
# A guest does not print: without this, warnings go to the host's stderr when it has set up no logging.
log.addHandler(logging.NullHandler())


def _record(*arguments: Any, **more: Any) -> logging.LogRecord:
    with OWN.introduced():
        return logging.Logger.makeRecord(log, *arguments, **more)


log.makeRecord = _record  # type: ignore[method-assign]

_OWN_PREFIX = "KIBITZ_"
_AWS_PREFIX = "AWS_CODEGURU_PROFILER_"
_DISABLED = _OWN_PREFIX + "DISABLED"
_MAX_MS = 24 * 3600 * 1000
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
# Compiled when they are needed: a host pays for what it imports.
_GROUP = r"[A-Za-z0-9_-]{1,255}"
_COLLECTOR = r"((pyroscope|parca)\+)?https?://[^/\s]\S*|aws://[a-z0-9-]*/?"
_GROUP_ARN = r"arn:[^:]+:codeguru-profiler:[^:]*:[^:]*:profilingGroup/(.+)"


class ConfigError(ValueError):
    """A setting that is refused; the message says which, from where, what was expected and what came."""


def _number(default: int, low: int, high: int, unit: str, parameter: str) -> Any:
    return field(default=default, metadata={"low": low, "high": high, "unit": unit, "parameter": parameter})


@dataclass(frozen=True, slots=True)
class Settings:
    """What is in force. The defaults are those of AWS's production service; milliseconds and percent are whole.

    ``sampling_interval_ms``: between two looks at all threads.
    ``reporting_interval_ms``: between two reports.
    ``minimum_reporting_ms``: a shorter profile waits and joins the next one; the last one is always sent.
    ``max_stack_depth``: frames kept of a stack, counted from the outermost.
    ``memory_limit_percent``: of the memory this process may use (cgroup or RAM) for the agent's own structures.
    ``cpu_limit_percent``: of one core for the agent's own threads; above it samples become rarer.
    ``heap_summary``: whether each report carries live objects by type, see `heap.HeapSummary`.
    ``heap_pause_limit_ms``: how long no thread may run Python, at most, while they are counted.
    ``enabled``: False: nothing is started; ``KIBITZ_DISABLED=1`` says so against everything but an argument.
    ``should_profile``: the collector's word alone; False rests until it says otherwise.
    """

    sampling_interval_ms: int = _number(1000, 1, _MAX_MS, "milliseconds", "SamplingIntervalInMilliseconds")
    reporting_interval_ms: int = _number(
        300_000, 100, _MAX_MS, "milliseconds", "ReportingIntervalInMilliseconds"
    )
    minimum_reporting_ms: int = _number(
        60_000, 0, _MAX_MS, "milliseconds", "MinimumTimeForReportingInMilliseconds"
    )
    max_stack_depth: int = _number(1000, 1, 100_000, "frames", "MaxStackDepth")
    memory_limit_percent: int = _number(10, 1, 100, "percent", "MemoryUsageLimitPercent")
    cpu_limit_percent: int = _number(10, 1, 100, "percent", "CpuUsageLimitPercent")
    heap_summary: bool = field(default=False, metadata={"parameter": "HeapSummary"})
    heap_pause_limit_ms: int = _number(50, 1, 10_000, "milliseconds", "HeapPauseLimitInMilliseconds")
    enabled: bool = True
    should_profile: bool = True

    @property
    def sampling_interval_ns(self) -> int:
        """The sampling interval in nanoseconds."""
        return self.sampling_interval_ms * 1_000_000

    @property
    def reporting_interval_ns(self) -> int:
        """The reporting interval in nanoseconds."""
        return self.reporting_interval_ms * 1_000_000

    @property
    def minimum_reporting_ns(self) -> int:
        """The shortest period that is worth a report, in nanoseconds."""
        return self.minimum_reporting_ms * 1_000_000


_FIELDS = {f.name: f for f in dataclasses.fields(Settings)}
_NUMBERS = {name: f for name, f in _FIELDS.items() if "unit" in f.metadata}
_PARAMETERS = {name: f.metadata["parameter"] for name, f in _FIELDS.items() if f.metadata}
USER_SETTINGS = tuple(name for name in _FIELDS if name != "should_profile")
"""Names of the settings that arguments and the environment may give."""


class Configuration:
    """The four places and what they add up to. Values of the collector come and go while the agent runs."""

    def __init__(
        self, arguments: Mapping[str, object] | None = None, environ: Mapping[str, str] | None = None
    ) -> None:
        """Read arguments (None values count as not given) and environment; `ConfigError` on what is wrong."""
        self._arguments = _checked(arguments or {})
        self._environment = _from_environment(os.environ if environ is None else environ)
        self._collector: dict[str, int | bool] = {}
        self._refused: set[str] = set()
        self.settings = _resolve(self._arguments, self._environment, {})

    @classmethod
    def of(cls, settings: Settings) -> Configuration:
        """A configuration in which every value of ``settings`` that is not the default counts as an argument."""
        given = {name: getattr(settings, name) for name in USER_SETTINGS}
        return cls({name: value for name, value in given.items() if value != _FIELDS[name].default}, {})

    def accept(self, answer: object) -> Settings:
        """Take over the collector's answer (the shape of ConfigureAgent's) and return what is now in force.

        Never raises: a value that will not do is logged once and the one before it stays.
        """
        if not isinstance(answer, Mapping):
            self._refuse(f"expected an object, found {_short(answer)}")
            return self.settings
        taken = _from_answer(answer, self._collector, self._refuse)
        try:
            self.settings = _resolve(self._arguments, self._environment, taken)
            self._collector = taken
        except ConfigError as error:
            self._refuse(str(error))
        return self.settings

    def _refuse(self, reason: str) -> None:
        # Bounded: a collector that invents a new wrong value every time must fill neither log nor memory.
        if reason not in self._refused and len(self._refused) < 32:
            self._refused.add(reason)
            log.warning("the collector's answer is refused, the setting before it stays: %s", reason)


def group_name(argument: str | None = None, environ: Mapping[str, str] | None = None) -> str:
    """The profiling group: ``argument``, else KIBITZ_GROUP, else AWS's group ARN or name, else the empty string.

    `ConfigError` unless it is 1 to 255 letters, digits, ``-`` or ``_``.
    """
    environ = os.environ if environ is None else environ
    arn = environ.get(_AWS_PREFIX + "GROUP_ARN", "")
    matched = re.fullmatch(_GROUP_ARN, arn)
    sources = (
        ("group", argument),
        (_OWN_PREFIX + "GROUP", environ.get(_OWN_PREFIX + "GROUP")),
        (_AWS_PREFIX + "GROUP_ARN", matched[1] if matched else arn),
        (_AWS_PREFIX + "GROUP_NAME", environ.get(_AWS_PREFIX + "GROUP_NAME")),
    )
    for source, name in sources:
        if name:
            if not re.fullmatch(_GROUP, name):
                raise ConfigError(
                    f"{source}: expected 1 to 255 letters, digits, '-' or '_', found {_short(name)}; rename the group"
                )
            return name
    return ""


def collector_url(argument: str | None = None, environ: Mapping[str, str] | None = None) -> str:
    """Where the collector is: ``argument``, else KIBITZ_COLLECTOR, else the empty string; without a final slash.

    Beside our own, ``pyroscope+http://``, ``parca+http://`` and ``aws://region``; see `reporters.choose`.
    """
    environ = os.environ if environ is None else environ
    for source, url in (("collector", argument), ("KIBITZ_COLLECTOR", environ.get("KIBITZ_COLLECTOR"))):
        if url:
            if not re.fullmatch(_COLLECTOR, url):
                raise ConfigError(
                    f"{source}: expected a URL such as http://127.0.0.1:8787, found {_short(url)}; add the http://"
                )
            return url.rstrip("/")
    return ""


def _checked(arguments: Mapping[str, object]) -> dict[str, int | bool]:
    unknown = sorted(set(arguments) - set(USER_SETTINGS))
    if unknown:
        raise ConfigError(f"{unknown[0]}: no such setting; there are {', '.join(USER_SETTINGS)}")
    return {name: _value(name, value, name) for name, value in arguments.items() if value is not None}


def _from_environment(environ: Mapping[str, str]) -> dict[str, int | bool]:
    found: dict[str, int | bool] = {}
    for name in USER_SETTINGS:
        for prefix in (_OWN_PREFIX, _AWS_PREFIX):
            text = environ.get(prefix + name.upper(), "").strip()
            if text:
                found[name] = _value(name, text, prefix + name.upper())
                break
    disabled = environ.get(_DISABLED, "").strip()
    if disabled and _flag(disabled, _DISABLED):
        found["enabled"] = False
    return found


def _from_answer(
    answer: Mapping[str, object], before: Mapping[str, int | bool], refuse: Any
) -> dict[str, int | bool]:
    """The values of a collector's answer by setting; for each one refused, the value before it."""
    given: dict[str, object] = {}
    parameters = answer.get("agentParameters", {})
    if isinstance(parameters, Mapping):
        given = {
            name: parameters[parameter] for name, parameter in _PARAMETERS.items() if parameter in parameters
        }
    else:
        refuse(f"agentParameters: expected an object, found {_short(parameters)}")
    period_s = answer.get("periodInSeconds")
    if isinstance(period_s, int) and not isinstance(period_s, bool):
        given["reporting_interval_ms"] = period_s * 1000
    elif period_s is not None:
        given["reporting_interval_ms"] = period_s
    if "shouldProfile" in answer:
        given["should_profile"] = answer["shouldProfile"]
    taken = {}
    for name, value in given.items():
        try:
            taken[name] = _value(name, value, f"{name} (collector)")
        except ConfigError as error:
            refuse(str(error))
            if name in before:
                taken[name] = before[name]
    return taken


def _value(name: str, value: object, source: str) -> int | bool:
    if name not in _NUMBERS:
        return _flag(value, source)
    limits = _NUMBERS[name].metadata
    number = (
        int(value) if isinstance(value, str) and re.fullmatch(r"\s*[+-]?[0-9]{1,18}\s*", value) else value
    )
    if isinstance(number, int) and not isinstance(number, bool) and limits["low"] <= number <= limits["high"]:
        return int(number)
    raise ConfigError(
        f"{source}: expected a whole number of {limits['unit']} from {limits['low']} to {limits['high']}, "
        f"found {_short(value)}"
    )


def _flag(value: object, source: str) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in _TRUE | _FALSE:
        return value.strip().lower() in _TRUE
    raise ConfigError(f"{source}: expected true or false, found {_short(value)}")


def _resolve(*places: Mapping[str, int | bool]) -> Settings:
    """The settings of several places, the strongest first."""
    rank = {name: index for index in reversed(range(len(places))) for name in places[index]}
    values: dict[str, Any] = {name: places[index][name] for name, index in rank.items()}
    settings = Settings(**values)
    if settings.minimum_reporting_ms > settings.reporting_interval_ms:
        weakest = len(places)
        if rank.get("minimum_reporting_ms", weakest) <= rank.get("reporting_interval_ms", weakest):
            raise ConfigError(
                f"minimum_reporting_ms: {settings.minimum_reporting_ms} is above reporting_interval_ms "
                f"({settings.reporting_interval_ms}), so that no report would ever be due; lower it or raise the other"
            )
        # Whoever asks for reports every 5 s need not know that a weaker place holds them back for 60 s.
        settings = dataclasses.replace(settings, minimum_reporting_ms=settings.reporting_interval_ms)
    return settings


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
