"""Profiles the demo shop at work, as it is and then slower, with the agent; a stretch of CPU time stands for an hour.

python hours.py DIRECTORY USUAL SLOWER LOOKS
"""

import importlib
import sys
import time
from pathlib import Path

import kibitz_server.demo
from kibitz_agent import wire
from kibitz_agent.config import Settings
from kibitz_agent.fleet import Identity
from kibitz_agent.profiler import Profiler
from slices import deploy

PATIENCE_S = 60


class File:
    """A reporter that writes each profile where it is told."""

    path = None

    def configure(self):
        return None

    def report(self, profile):
        self.path.write_bytes(wire.encode(profile))

    def close(self, timeout_s):
        pass


def work(shop, cpu_s):
    end_s = time.process_time() + cpu_s
    while time.process_time() < end_s:
        shop["search"].find("red squares heavy")
        shop["catalogue"].export()
        shop["basket"].often_bought_together("3")


def main(directory, usual, slower, looks):
    sys.path.insert(0, str(Path(kibitz_server.demo.__file__).parent))
    shop = {name: importlib.import_module(f"shop.{name}") for name in ("basket", "catalogue", "search")}
    file = File()
    settings = Settings(sampling_interval_ms=1, cpu_limit_percent=100, minimum_reporting_ms=0)
    profiler = Profiler(file, Identity("shop"), settings)
    for name, hours in (("usual", usual), ("slower", slower)):
        if name == "slower":
            deploy(shop["search"])
        for hour in range(hours):
            file.path = directory / f"{name}-{hour:03}.kibitz"
            profiler.start()
            work(shop, looks / 1000)
            profiler.stop(PATIENCE_S)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *(int(text) for text in sys.argv[2:]))
