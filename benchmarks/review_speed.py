"""How long does a review take, beside other linters of Python?

    python benchmarks/review_speed.py [--quick] [PATH ...]

Each tool reads the same packages (default: flask, jinja2 and werkzeug as installed here) as a process of its own, one after
the other, in several rounds. Reported: CPU milliseconds per 1,000 lines (the median round, children included), and the ratio
to ours. Tools that are not installed are left out. Ours runs with a cold cache, with a warm one, and with neither.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGES = ("flask", "jinja2", "werkzeug")
ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one round over one package")
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH")
    args = parser.parse_args()
    packages = args.paths or [installed(name) for name in PACKAGES[: 1 if args.quick else None]]
    with tempfile.TemporaryDirectory() as folder:
        sources = [shutil.copytree(path, Path(folder) / path.name, ignore=no_caches) for path in packages]
        measure(sources, Path(folder), 1 if args.quick else ROUNDS)


def measure(sources: list[Path], folder: Path, rounds: int) -> None:
    lines = sum(len(file.read_bytes().splitlines()) for each in sources for file in each.rglob("*.py"))
    tools = commands(folder)
    times: dict[str, list[float]] = {name: [] for name in tools}
    for _ in range(rounds):
        for name, command in tools.items():
            if name == "kibitz, cold cache":
                shutil.rmtree(folder / "cache", ignore_errors=True)
            times[name].append(cpu_s([*command, *map(str, sources)], folder))
    ours = statistics.median(times["kibitz"])
    for name, seconds in times.items():
        middle = statistics.median(seconds)
        figure = {
            "benchmark": "review_speed",
            "tool": name,
            "lines": lines,
            "cpu_ms_per_1000_lines": round(middle * 1e6 / lines, 1),
            "ratio_to_kibitz": round(middle / ours, 2),
        }
        print(json.dumps(figure), flush=True)


def commands(folder: Path) -> dict[str, list[str]]:
    """What is run, by name; only what is installed."""
    python = [sys.executable, "-m"]
    ours = [*python, "kibitz_agent.cli", "review", "--fail-on", "never", "--format", "json"]
    cached = [*ours, "--cache", str(folder / "cache")]
    found = {"kibitz": ours, "kibitz, cold cache": cached, "kibitz, warm cache": cached}
    others = {
        "ruff": (
            "ruff",
            [*python, "ruff", "check", "--no-cache", "--isolated", "--select", "ALL", "--exit-zero"],
        ),
        "bandit": ("bandit", [*python, "bandit", "-q", "-r"]),
        "fixit": ("fixit", [*python, "fixit.cli", "lint"]),
        "pylint": ("pylint", [*python, "pylint", "--disable=all", "--enable=E,W", "--exit-zero"]),
    }
    return found | {
        name: command for name, (module, command) in others.items() if importlib.util.find_spec(module)
    }


def cpu_s(command: list[str], folder: Path) -> float:
    """The CPU seconds of a process and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, env=os.environ
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def installed(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{name} is not installed: name folders of Python source instead")
    return Path(spec.origin).parent


def no_caches(_: str, names: list[str]) -> list[str]:
    return [name for name in names if name == "__pycache__"]


if __name__ == "__main__":
    main()
