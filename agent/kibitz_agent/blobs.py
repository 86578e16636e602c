"""Which very text of a file has run: the id that git gives its content, so that a profile finds its source by itself.

``sha1("blob SIZE\\0" + content)`` needs no repository, no path mapping and no configuration: whoever has the repository looks
the id up. Only what a profile found hot is read, off the sampler's thread, once for as long as the file does not change.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable

from kibitz_agent.profile import NO_PARENT, Profile

MAX_FILES = 300
"""So many files of a profile are named, the hottest."""

LEAST_SHARE = 0.001
"""A file whose functions and all they called took less of a profile is left out."""

LARGEST_BYTES = 2 << 20
"""A file that is larger is left out."""

_MAX_KNOWN = 4 * MAX_FILES


def hot_files(profile: Profile) -> list[str]:
    """The files of the profile's functions, by the samples in which they were on the stack, the hottest first."""
    samples = [0] * len(profile.node_parent)
    for node, count in zip(profile.sample_node, profile.values[profile.value_index("samples")], strict=True):
        samples[node] += count
    for node in range(len(samples) - 1, -1, -1):
        if profile.node_parent[node] != NO_PARENT:
            samples[profile.node_parent[node]] += samples[node]
    # The largest node of a file stands for it: adding them up would count a recursion many times.
    hottest: dict[int, int] = {}
    for node, count in enumerate(samples):
        file = profile.frame_file[profile.node_frame[node]]
        hottest[file] = max(count, hottest.get(file, 0))
    least = LEAST_SHARE * profile.total()
    found = sorted(
        (file for file, count in hottest.items() if count >= least), key=lambda file: (-hottest[file], file)
    )
    return [profile.strings[file] for file in found if profile.strings[file]][:MAX_FILES]


class Blobs:
    """Reads files and remembers their ids. Used by one thread.

    ``started_s``: when this process began, since the epoch. A file that was written later is not what runs, and has no id.
    """

    def __init__(self, started_s: float | None = None, folder: str | None = None) -> None:
        self._started_s = process_start_s() if started_s is None else started_s
        # Names of the program's own files may be relative to where it was started.
        self._folder = _working_folder() if folder is None else folder
        self._known: dict[str, tuple[tuple[int, int], str]] = {}

    def of(self, profile: Profile) -> dict[str, str]:
        """Ids by the file names that the profile uses; those that cannot be told are left out. Never raises."""
        found = {}
        for name in hot_files(profile):
            blob = self.id(name)
            if blob:
                found[name] = blob
        return found

    def id(self, name: str, read: Callable[[str], bytes] | None = None) -> str:
        """The id of one file's content, "" if it is no ordinary file, too large, or newer than the process."""
        if name.startswith("<"):
            return ""
        path = os.path.join(self._folder, name)  # noqa: PTH118
        try:
            facts = os.stat(path)  # noqa: PTH116
            mark = (facts.st_mtime_ns, facts.st_size)
            known = self._known.get(name)
            if known is not None and known[0] == mark:
                return known[1]
            if (
                not stat.S_ISREG(facts.st_mode)
                or facts.st_size > LARGEST_BYTES
                or facts.st_mtime > self._started_s
            ):
                return ""
            content = (read or _read)(path)
        except (OSError, ValueError):
            return ""
        blob = blob_id(content) if len(content) == facts.st_size else ""
        if len(self._known) < _MAX_KNOWN:
            self._known[name] = (mark, blob)
        return blob


def blob_id(content: bytes) -> str:
    """What ``git hash-object`` says of this content, in hexadecimal."""
    import hashlib  # OpenSSL's, which a host that is never profiled does without

    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(LARGEST_BYTES + 1)


def process_start_s() -> float:
    """When this process began, since the epoch; now where that cannot be told, so that what is there was there before."""
    try:
        return _start_after_boot_s() + time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + 1.0
    except (AttributeError, OSError, ValueError, IndexError):
        pass
    try:
        import psutil  # where there is no /proc: importing it takes ten times as long as all else that a start does

        return float(psutil.Process().create_time()) + 1.0
    except Exception:
        return time.time()


def _start_after_boot_s() -> float:
    with open("/proc/self/stat", "rb") as file:
        # The twenty-second field; the second is the program's name in parentheses, and may hold anything.
        ticks = int(file.read().rpartition(b")")[2].split()[19])
    return ticks / os.sysconf("SC_CLK_TCK")


def _working_folder() -> str:
    try:
        return os.getcwd()  # noqa: PTH109
    except OSError:  # it has been deleted; names that are absolute are found all the same
        return ""
