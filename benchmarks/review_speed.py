"""How long does a review take, beside other linters of Python?

    python benchmarks/review_speed.py [--quick] [--others PYTHON] [PATH ...]

Each tool reads the same packages (default: flask, jinja2 and werkzeug as installed here) as a process of its own, one after
the other, in several rounds. Reported: CPU milliseconds per 1,000 lines (the median round, children included; the least one
too, which a busy machine disturbs less), and the ratio to ours. Tools that are not installed are left out; ``--others`` names
the Python of an environment in which they are. Ours runs with and without data flow, with fixes worked out (as JSON shows
them), with a cold cache and with a warm one.
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
    parser.add_argument("--others", metavar="PYTHON", default=sys.executable, help="runs the other tools")
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH")
    args = parser.parse_args()
    packages = args.paths or [installed(name) for name in PACKAGES[: 1 if args.quick else None]]
    with tempfile.TemporaryDirectory() as folder:
        sources = [shutil.copytree(path, Path(folder) / path.name, ignore=no_caches) for path in packages]
        measure(sources, Path(folder), 1 if args.quick else ROUNDS, args.others)


def measure(sources: list[Path], folder: Path, rounds: int, others: str) -> None:
    lines = sum(len(file.read_bytes().splitlines()) for each in sources for file in each.rglob("*.py"))
    tools = commands(folder, others)
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
            "least": round(min(seconds) * 1e6 / lines, 1),
            "ratio_to_kibitz": round(middle / ours, 2),
        }
        print(json.dumps(figure), flush=True)


def commands(folder: Path, others: str) -> dict[str, list[str]]:
    """What is run, by name; only what is installed. ``others`` is the Python that has the other tools."""
    ours = [sys.executable, "-m", "kibitz_agent.cli", "review", "--fail-on", "never"]
    cached = [*ours, "--cache", str(folder / "cache")]
    found = {
        "kibitz": ours,
        "kibitz, no data flow": [*ours, "--no-dataflow"],
        "kibitz, with fixes": [*ours, "--format", "json"],
        "kibitz, cold cache": cached,
        "kibitz, warm cache": cached,
    }
    python = [others, "-m"]
    tools = {
        "ruff": (
            "ruff",
            [*python, "ruff", "check", "--no-cache", "--isolated", "--select", "ALL", "--exit-zero"],
        ),
        "bandit": ("bandit", [*python, "bandit", "-q", "-r"]),
        "fixit": ("fixit", [*python, "fixit", "lint"]),
        "pylint": ("pylint", [*python, "pylint", "--disable=all", "--enable=E,W", "--exit-zero"]),
    }
    return found | {name: command for name, (module, command) in tools.items() if has(others, module)}


def has(python: str, module: str) -> bool:
    """Whether an interpreter finds a module."""
    look = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    return subprocess.run([python, "-c", look], check=False).returncode == 0


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
