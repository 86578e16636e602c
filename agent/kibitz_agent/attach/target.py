"""What can be learnt of a process without touching it: its files under ``/proc``."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from kibitz_agent.attach.elf import symbols
from kibitz_agent.attach.errors import AttachError, RefusedError

# System calls in which a CPython thread parks with the interpreter's lock released (x86-64 numbers).
_PARKING_CALLS = {
    0: "read", 7: "poll", 23: "select", 34: "pause", 35: "nanosleep", 43: "accept", 45: "recvfrom", 47: "recvmsg",
    61: "wait4", 72: "fcntl", 73: "flock", 128: "rt_sigtimedwait", 202: "futex", 230: "clock_nanosleep",
    232: "epoll_wait", 247: "waitid", 270: "pselect6", 271: "ppoll", 281: "epoll_pwait", 288: "accept4",
    441: "epoll_pwait2",
}  # fmt: skip
_INTERPRETER_FILE = re.compile(r"(?:libpython|python)3(?:\.(\d+))?[^/]*$")
_LIBRARY_DIRECTORY = re.compile(r"/lib(?:64)?/python3\.(\d+)/")
_ANCHOR = "Py_IsInitialized"


@dataclass(frozen=True, slots=True)
class Mapping:
    """One line of ``/proc/PID/maps``."""

    start: int
    end: int
    permissions: str
    path: str


@dataclass(frozen=True, slots=True)
class Target:
    """A process to attach to, by its id."""

    pid: int

    def _proc(self, name: str) -> Path:
        return Path("/proc", str(self.pid), name)

    def status(self) -> dict[str, str]:
        """``/proc/PID/status`` by field; `RefusedError` when there is no such process."""
        try:
            lines = self._proc("status").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError) as error:
            raise RefusedError(f"no process {self.pid}") from error
        pairs = (line.split(":", 1) for line in lines if ":" in line)
        return {key: value.strip() for key, value in pairs}

    def mappings(self) -> list[Mapping]:
        """Its memory map; `PermissionError` where it may not be traced."""
        found = []
        for line in self._proc("maps").read_text(errors="surrogateescape").splitlines():
            span, permissions, *rest = line.split(None, 5)
            start, end = (int(part, 16) for part in span.split("-"))
            found.append(Mapping(start, end, permissions, rest[3] if len(rest) > 3 else ""))
        return found

    def executable(self) -> str:
        """Path of the program file, in the target's own file system."""
        return str(self._proc("exe").readlink())

    def argv(self) -> list[str]:
        """Its command line."""
        return self._proc("cmdline").read_bytes().decode(errors="surrogateescape").split("\0")[:-1]

    def environ(self) -> dict[str, str]:
        """Its environment as it was started."""
        pairs = self._proc("environ").read_bytes().decode(errors="surrogateescape").split("\0")
        return dict(pair.split("=", 1) for pair in pairs if "=" in pair)

    def inside(self, path: str) -> Path:
        """Where this process finds a file that the target calls ``path`` (containers have their own root)."""
        return self._proc("root") / path.lstrip("/")

    def sees(self, path: Path) -> bool:
        """Whether the target finds, under this name, the file that this process finds."""
        try:
            return path.samefile(self.inside(str(path)))
        except OSError:
            return False

    def python_minor(self) -> int | None:
        """The y of its Python 3.y, from the files it has mapped; None when it is not CPython."""
        versions = set()
        for mapping in self.mappings():
            for pattern in (_INTERPRETER_FILE, _LIBRARY_DIRECTORY):
                found = pattern.search(mapping.path)
                if found and found[1]:
                    versions.add(int(found[1]))
        return versions.pop() if len(versions) == 1 else self._minor_by_name()

    def _minor_by_name(self) -> int | None:
        found = _INTERPRETER_FILE.search(self.executable())
        return int(found[1]) if found and found[1] else None

    def resolve(self, wanted: Iterable[str]) -> dict[str, int]:
        """Addresses, in the target, of the interpreter's functions; `RefusedError` when it is not CPython."""
        wanted = set(wanted) | {_ANCHOR}
        mappings = self.mappings()
        for path in self._interpreter_files(mappings):
            inside = self.inside(path)
            try:
                found = symbols(inside if inside.exists() else self._proc("exe"), wanted)
            except (AttachError, OSError):
                continue
            if wanted <= set(found.addresses):
                return found.at(min(mapping.start for mapping in mappings if mapping.path == path))
        raise RefusedError(
            f"process {self.pid} ({self.executable()}) is not CPython, or its symbols were stripped"
        )

    def _interpreter_files(self, mappings: list[Mapping]) -> list[str]:
        executable = self.executable()
        files = dict.fromkeys(
            m.path for m in mappings if m.path == executable or _INTERPRETER_FILE.search(m.path)
        )
        # A shared libpython defines the symbols; the executable beside it only uses them.
        return sorted(files, key=lambda path: "libpython" not in path)

    def parked_in(self, looks: int = 4, gap_s: float = 0.05) -> str | None:
        """The system call its main thread is blocked in, if every look finds it in the very same one."""
        seen = set()
        for look in range(looks):
            if look:
                time.sleep(gap_s)
            fields = self._proc("syscall").read_text().split()
            if fields[0] == "running" or int(fields[0]) not in _PARKING_CALLS:
                return None
            seen.add((int(fields[0]), fields[-2], fields[-1]))
        return _PARKING_CALLS[seen.pop()[0]] if len(seen) == 1 else None

    def descendants(self) -> list[int]:
        """Process ids of its children and theirs, parents first."""
        children: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                parent = _parent(entry)
                if parent is not None:
                    children.setdefault(parent, []).append(int(entry.name))
        found, queue = [], [self.pid]
        while queue:
            below = sorted(children.get(queue.pop(0), ()))
            found += below
            queue += below
        return found


def _parent(process: Path) -> int | None:
    try:
        # The command may hold spaces and brackets: what follows the last one is numbers.
        return int((process / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return None
