"""Samples a program's problem and then its repair: ``patterns_runner.py PROGRAM OUT SECONDS``; writes OUT/{wasteful,repaired}.kibitz."""

import sys
import time
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from kibitz_agent import wire
from kibitz_agent.config import Settings
from kibitz_agent.fleet import Identity
from kibitz_agent.profiler import Profiler
from kibitz_agent.shipping import join

CPU_S = 0.4
LEAST_SAMPLES = 40
PATIENCE_S = 60


class Kept:
    """A reporter that keeps what it is given as one profile."""

    def __init__(self):
        self.profile = None

    @property
    def samples(self):
        return sum(self.profile.values[0]) if self.profile else 0

    def configure(self):
        return None

    def report(self, profile):
        self.profile = join(self.profile, profile) if self.profile else profile

    def close(self, timeout_s):
        pass


def sampled(function, path, most_s):
    """Call ``function`` until it has used `CPU_S`, or ``most_s`` have passed, sampled.

    And on, where the machine stood still meanwhile and the sampler hardly came to look.
    """
    function()
    kept = Kept()
    profiler = Profiler(kept, Identity("patterns"), Settings(sampling_interval_ms=2))
    profiler.start()
    begun_s = time.monotonic()
    while kept.samples < LEAST_SAMPLES and time.monotonic() < begun_s + PATIENCE_S:
        cpu_s, wall_s = time.process_time(), time.monotonic()
        while time.process_time() < cpu_s + CPU_S and time.monotonic() < wall_s + most_s:
            function()
        profiler.flush(PATIENCE_S)
    profiler.stop(PATIENCE_S)
    path.write_bytes(wire.encode(kept.profile))


def main():
    program, out = Path(sys.argv[1]), Path(sys.argv[2])
    spec = spec_from_file_location(program.stem + "_program", program)
    module = sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("wasteful", "repaired"):
        sampled(getattr(module, name), out / f"{name}.kibitz", float(sys.argv[3]))


main()
