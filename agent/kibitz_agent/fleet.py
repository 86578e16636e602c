"""Who is profiled: the group, the instance, the process, the revision and the machine it runs on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from kibitz_agent.limits import usable_memory_bytes

# What the usual platforms tell a process about where it runs: variable, and the name it gets in the header's host.
_PLATFORM_FACTS = (
    ("AWS_LAMBDA_FUNCTION_NAME", "lambda_function"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "lambda_memory_mb"),
    ("AWS_REGION", "region"),
    ("AWS_EXECUTION_ENV", "execution"),
    ("ECS_CONTAINER_METADATA_URI_V4", "ecs"),
    ("KUBERNETES_SERVICE_HOST", "kubernetes"),
    ("DYNO", "dyno"),
    ("FLY_MACHINE_ID", "fly_machine"),
    ("K_SERVICE", "cloud_run"),
)
_FLAGS = frozenset({"ecs", "kubernetes"})  # that it is there says enough; the address is nobody's business


@dataclass(frozen=True, slots=True)
class Identity:
    """The header fields that stay the same over an agent's life; see `profile.Header` for their meaning."""

    group: str = ""
    instance: str = ""
    process_id: int = 0
    revision: str = ""
    host: Mapping[str, str | int | float] = field(default_factory=dict)


def identify(group: str, environ: Mapping[str, str] | None = None) -> Identity:
    """This process, as a member of ``group``. No network is asked."""
    from kibitz_agent import revision

    environ = os.environ if environ is None else environ
    return Identity(group, instance_id(environ), os.getpid(), revision.find(environ), describe_host(environ))


def instance_id(environ: Mapping[str, str]) -> str:
    """What tells this agent from all others: KIBITZ_INSTANCE, or the host's name with a part that is drawn once."""
    return environ.get("KIBITZ_INSTANCE") or f"{_machine()[0]}-{_drawn()}"


@cache
def _drawn() -> str:
    return os.urandom(6).hex()


def describe_host(environ: Mapping[str, str]) -> dict[str, str | int | float]:
    """The machine: name, processors and memory this process may use, platform, and what the environment tells."""
    name, system, machine = _machine()
    host: dict[str, str | int | float] = {
        "name": name,
        "cpus": usable_cpus(),
        "memory_bytes": usable_memory_bytes(),
        "platform": f"{system}-{machine}",
    }
    for variable, fact in _PLATFORM_FACTS:
        value = environ.get(variable)
        if value:
            host[fact] = 1 if fact in _FLAGS else value[:256]
    return host


def usable_cpus() -> int:
    """Processors this process may run on, after its affinity mask."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _machine() -> tuple[str, str, str]:
    """Host name, operating system and processor, asked without importing anything where the system itself says."""
    if hasattr(os, "uname"):
        told = os.uname()
        return told.nodename, told.sysname, told.machine
    import platform

    return platform.node(), platform.system(), platform.machine()
