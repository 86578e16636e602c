"""How often does attaching work, how long does it take, and how long is the target held up?

For each interpreter and each state a program can be in: a fresh target, one attachment, and the target's own account of
its longest pause before and while the agent came in. The peer is the same target with nobody attaching, in turns.

    python benchmarks/attach.py            20 tries of each, all interpreters found
    python benchmarks/attach.py --quick    one try of each, this interpreter only

Interpreters: this one, pyenv's, python3.X on the path, and those named in KIBITZ_TEST_PYTHONS.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODES = ("busy", "sleeping", "c_heavy", "blocked", "asyncio", "threads")
RESULT = re.compile(r"attached to \d+ \(Python [\d.]+, ([^)]*)\) in (\d+) ms")


def interpreters() -> dict[str, str]:
    """Programs by version, "3.12"."""
    named = os.environ.get("KIBITZ_TEST_PYTHONS", "").split(os.pathsep)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions")
    found: dict[str, str] = {}
    for program in [sys.executable, *named, *sorted(map(str, pyenv.glob("3.1[1-9]*/bin/python3")))]:
        if program:
            code = "import sys; print('%d.%d' % sys.version_info[:2])"
            told = subprocess.run([program, "-I", "-c", code], capture_output=True, text=True, check=False)
            found.setdefault(told.stdout.strip(), program)
    return {version: found[version] for version in sorted(found) if version}


def one(program: str, mode: str, attaching: bool) -> dict[str, object]:
    """One target's life; what the command said of it and what it said itself."""
    target = subprocess.Popen(
        [program, str(ROOT / "tests/targets/attach/modes.py"), mode],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert target.stdout is not None
    target.stdout.readline()
    time.sleep(0.3)
    facts: dict[str, object] = {"attached": False}
    if attaching:
        with tempfile.TemporaryDirectory() as directory:
            output = Path(directory, "profile.txt")
            command = [sys.executable, "-m", "kibitz_agent.cli", "attach", str(target.pid)]
            done = subprocess.run(
                [*command, "--duration", "0.3", "--output", str(output)],
                capture_output=True,
                text=True,
                check=False,
            )
            said = RESULT.search(done.stderr)
            if done.returncode == 0 and said and output.read_text():
                facts = {"attached": True, "how": said[1], "took_ms": int(said[2])}
            else:
                sys.stderr.write(done.stderr)
    else:
        time.sleep(1.0)
    out, err = target.communicate("\n", timeout=60)
    alive = target.returncode == 0 and not err
    return {**facts, "alive": alive, "longest_ms": json.loads(out)["longest_ms"] if alive else None}


def main() -> None:
    """Print one JSON line per interpreter and mode."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--tries", type=int, default=20)
    parser.add_argument(
        "--jobs", type=int, default=1, help="targets side by side (pauses are then each other's)"
    )
    args = parser.parse_args()
    programs = interpreters()
    tries = args.tries
    if args.quick:
        programs, tries = {f"3.{sys.version_info.minor}": sys.executable}, 1
    for version, program in programs.items():
        for mode in MODES:
            turns = [attaching for _ in range(tries) for attaching in (True, False)]
            with ThreadPoolExecutor(args.jobs) as pool:
                results = list(pool.map(lambda attaching: one(program, mode, attaching), turns))  # noqa: B023
            tried, left_alone = results[::2], results[1::2]
            took = [result["took_ms"] for result in tried if result["attached"]]
            print(
                json.dumps(
                    {
                        "python": version,
                        "mode": mode,
                        "tries": tries,
                        "attached": len(took),
                        "died": sum(not result["alive"] for result in tried),
                        "how": sorted({str(result["how"]) for result in tried if result["attached"]}),
                        "took_ms_median": statistics.median(took) if took else None,
                        **_pauses("longest_pause_ms", tried),
                        **_pauses("longest_pause_alone_ms", left_alone),
                    }
                ),
                flush=True,
            )


def _pauses(name: str, results: list[dict[str, object]]) -> dict[str, float]:
    pauses = [float(str(result["longest_ms"])) for result in results if result["longest_ms"] is not None]
    return {f"{name}_median": round(statistics.median(pauses), 1), f"{name}_max": round(max(pauses), 1)}


if __name__ == "__main__":
    main()
