"""Every pattern speaks of a real program that has the problem, sampled, and not of its repair."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kibitz_agent.profile import Profile
from kibitz_server.recommendations import calls_of_profile, recommend
from kibitz_server.recommendations.catalogue import built_in
from kibitz_server.recommendations.files import read_profile
from kibitz_server.recommendations.pattern import GIL, WALL, Pattern

TARGETS = Path(__file__).parents[1] / "targets"
AGENT = Path(__file__).parents[2] / "agent"
PATTERNS = built_in()


def test_every_program_belongs_to_a_pattern() -> None:
    programs = {path.stem for path in (TARGETS / "patterns").glob("*.py")}
    assert programs == {pattern.id for pattern in PATTERNS}


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.id)
def test_a_pattern_speaks_of_the_wasteful_program_and_not_of_the_repaired(
    pattern: Pattern, tmp_path: Path, lacking: Callable[[str], None]
) -> None:
    program = TARGETS / "patterns" / f"{pattern.id}.py"
    command = [
        sys.executable,
        "-W",
        "ignore",
        str(TARGETS / "patterns_runner.py"),
        str(program),
        str(tmp_path),
    ]
    # What only waits uses no CPU time; what computes gets as long as a busy machine takes.
    command.append("1.2" if pattern.measure == WALL else "30")
    environment = {**os.environ, "PYTHONPATH": str(AGENT)}
    subprocess.run(command, check=True, timeout=240, env=environment)
    profiles = {name: read_profile(tmp_path / f"{name}.kibitz") for name in ("wasteful", "repaired")}
    unseen = pattern.measure == GIL or pattern.id == "garbage_collection"
    if unseen and profiles["wasteful"].header.sampler == "python":
        lacking("the C sampler, which alone can tell what goes on while the interpreter's lock is held,")
    shares = {name: _share(profile, pattern) for name, profile in profiles.items()}
    assert shares["wasteful"] >= pattern.threshold
    assert shares["repaired"] == 0


def _share(profile: Profile, pattern: Pattern) -> float:
    found = recommend(calls_of_profile(profile), [pattern])
    return found[0].share if found else 0.0
