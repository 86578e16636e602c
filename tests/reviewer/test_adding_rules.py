"""ADDING_RULES.md: its steps, followed to the letter, give a working rule in one file."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

REVIEWER = Path(__file__).resolve().parents[2] / "reviewer"
PAGE = (REVIEWER / "ADDING_RULES.md").read_text(encoding="utf-8")
#: (the text before it since the last block, language, content) of each block of code.
BLOCKS = [
    (before, language, textwrap.dedent(content))
    for before, language, content in re.findall(
        r"(.*?)^ *```(\w+)\n(.*?)^ *```$", PAGE, re.MULTILINE | re.DOTALL
    )
]
SHOP = "def total(prices):\n    print(prices)\n    return sum(prices)\n\n\nprint(total([1, 2]))\n"


def kibitz(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kibitz_agent.cli", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture
def followed(tmp_path: Path) -> tuple[Path, str]:
    """The folder in which the steps were followed, and what the last of them said."""
    (tmp_path / "shop.py").write_text(SHOP)
    said = ""
    for before, language, content in BLOCKS:
        if language == "sh":
            for line in content.splitlines():
                assert line.startswith("kibitz ")
                done = kibitz(tmp_path, *line.split()[1:])
                assert (done.returncode, done.stderr) == (0, ""), done.stderr
                said = done.stdout
        elif language == "python":
            place = tmp_path / re.findall(r"`([^`]+\.py)`", before)[-1]
            assert place.is_file(), "the step before has written it"
            place.write_text(content)
        else:
            assert said == content
    return tmp_path, said


def test_the_steps_followed_to_the_letter_give_a_working_rule_in_one_file(followed: tuple[Path, str]) -> None:
    folder, said = followed
    assert "shop.py:2:5: low [print-in-library]" in said
    assert "1 finding (1 low)" in said
    assert {path.name for path in folder.rglob("*") if path.is_file()} == {"shop.py", "print_in_library.py"}


def test_the_same_file_among_the_packages_rules_is_a_rule_for_everybody(
    followed: tuple[Path, str], tmp_path: Path
) -> None:
    place = re.findall(r"here `([^`]+\.py)`", PAGE)[0]
    shutil.copytree(REVIEWER, tmp_path / "copy", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(followed[0] / ".kibitz/rules/print_in_library.py", tmp_path / "copy" / place)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "copy")}
    command = [sys.executable, "-m", "kibitz_reviewer.docs"]
    subprocess.run(command, cwd=tmp_path / "copy", env=environment, check=True, timeout=300)
    assert "### print-in-library" in (tmp_path / "copy" / "RULES.md").read_text(encoding="utf-8")
    command = [sys.executable, "-m", "kibitz_agent.cli", "review", "shop.py", "--fail-on", "never"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True, timeout=300
    )
    assert "shop.py:2:5: low [print-in-library]" in done.stdout
