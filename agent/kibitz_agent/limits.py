"""The brakes: how much memory and CPU the agent may take, and the kill switch that rests it.

Each brake that strikes is named in the profile's header, in the words of the settings.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

MEMORY_LIMIT = "MemoryUsageLimitPercent"
CPU_LIMIT = "CpuUsageLimitPercent"
KILL_SWITCH = "KillSwitch"

KILL_SWITCH_VARIABLE = "KIBITZ_KILL_SWITCH"
KILL_SWITCH_FILE_VARIABLE = "KIBITZ_KILL_SWITCH_FILE"
DEFAULT_KILL_SWITCH_FILE = "/etc/kibitz/off"

_OFF = frozenset({"", "0", "false", "no", "off"})
_SECOND_NS = 1_000_000_000
_STAT_EVERY_NS = 10 * _SECOND_NS
_CPU_WINDOW_NS = 2 * _SECOND_NS
_MAX_STRETCH = 1000.0
# A cgroup without a limit says "max", or, in version 1, a number near the largest there is.
_UNLIMITED_BYTES = 1 << 60


def usable_memory_bytes(root: str = "/") -> int:
    """The memory this process may use: the smallest of its cgroups' limits and the machine's memory."""
    limits = [_machine_memory_bytes(), *_cgroup_limits(root)]
    return min((limit for limit in limits if 0 < limit < _UNLIMITED_BYTES), default=1 << 30)


def _machine_memory_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        import psutil

        return int(psutil.virtual_memory().total)


def _cgroup_limits(root: str) -> list[int]:
    """Limits of this process's control groups and all above them, of either version of the interface."""
    # Strings, not paths: `pathlib` would be a third of what importing the agent costs.
    mounted = f"{root}/sys/fs/cgroup"
    files = {f"{mounted}/memory.max", f"{mounted}/memory/memory.limit_in_bytes"}
    for line in _text(f"{root}/proc/self/cgroup").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        version1 = "memory" in controllers.split(",")
        if controllers and not version1:
            continue
        folder, name = (f"{mounted}/memory", "memory.limit_in_bytes") if version1 else (mounted, "memory.max")
        for part in path.strip("/").split("/"):
            folder = f"{folder}/{part}"
            files.add(f"{folder}/{name}")
    return [
        int(text) for text in (_text(file).strip() for file in files) if text.isascii() and text.isdigit()
    ]


def _text(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


class KillSwitch:
    """On while ``KIBITZ_KILL_SWITCH`` is set to something but 0, or while the kill switch file exists.

    The file is ``KIBITZ_KILL_SWITCH_FILE``, else /etc/kibitz/off; it is looked for every 10 s at most.
    """

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ
        self._looked_ns: int | None = None
        self._on = False

    def is_on(self, now_ns: int) -> bool:
        """Whether the agent has to rest at ``now_ns`` of the monotonic clock."""
        if self._looked_ns is None or now_ns - self._looked_ns >= _STAT_EVERY_NS:
            self._looked_ns = now_ns
            file = self._environ.get(KILL_SWITCH_FILE_VARIABLE) or DEFAULT_KILL_SWITCH_FILE
            self._on = self._environ.get(KILL_SWITCH_VARIABLE, "").lower() not in _OFF or _exists(file)
        return self._on


def _exists(file: str) -> bool:
    try:
        os.stat(file)  # noqa: PTH116
    except (OSError, ValueError):
        return False
    return True


class CpuLimit:
    """Keeps the agent's threads under a share of one core by making samples rarer.

    Judged over windows of 2 s by the threads' own CPU time, so that waiting for the GIL does not count.
    """

    def __init__(self, cpu_ns: int, now_ns: int) -> None:
        self.stretch = 1.0
        """How many times longer than asked the sampling interval has to be."""
        self._cpu_ns, self._since_ns = cpu_ns, now_ns

    def judge(self, cpu_ns: int, now_ns: int, limit_percent: int) -> bool:
        """Take the agent's CPU time so far; True if it is over the limit, and `stretch` has grown."""
        passed_ns = now_ns - self._since_ns
        if passed_ns < _CPU_WINDOW_NS:
            return False
        used_percent = 100 * max(0, cpu_ns - self._cpu_ns) / passed_ns
        self._cpu_ns, self._since_ns = cpu_ns, now_ns
        if used_percent > limit_percent:
            # A tenth more than needed, or it would hover about the limit and strike in every other window.
            self.stretch = min(_MAX_STRETCH, self.stretch * max(1.1, 1.1 * used_percent / limit_percent))
            return True
        if used_percent < limit_percent / 2:
            self.stretch = max(1.0, self.stretch * 0.8)
        return False
