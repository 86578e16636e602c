"""Samples a program's problem and then its repair: ``patterns_runner.py PROGRAM OUT SECONDS``; writes OUT/{wasteful,repaired}.kibitz."""

import sys
import time
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from kibitz_agent import wire
from kibitz_agent.config import Settings
from kibitz_agent.fleet import Identity
from kibitz_agent.profiler import Profiler

CPU_S = 0.4


class File:
    """A reporter that keeps the last profile in a file."""

    def __init__(self, path):
        self._path = path

    def configure(self):
        return None

    def report(self, profile):
        self._path.write_bytes(wire.encode(profile))

    def close(self, timeout_s):
        pass


def sampled(function, path, most_s):
    """Call ``function`` until it has used `CPU_S`, or ``most_s`` have passed, sampled."""
    function()
    profiler = Profiler(File(path), Identity("patterns"), Settings(sampling_interval_ms=2))
    profiler.start()
    cpu_s, wall_s = time.process_time(), time.monotonic()
    while time.process_time() < cpu_s + CPU_S and time.monotonic() < wall_s + most_s:
        function()
    profiler.stop()


def main():
    program, out = Path(sys.argv[1]), Path(sys.argv[2])
    spec = spec_from_file_location(program.stem + "_program", program)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("wasteful", "repaired"):
        sampled(getattr(module, name), out / f"{name}.kibitz", float(sys.argv[3]))


main()
