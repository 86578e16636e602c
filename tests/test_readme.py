"""The README's commands are what they say: two of them set everything up, and the rest can be pasted."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from kibitz_agent.cli import main

ROOT = Path(__file__).resolve().parent.parent
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)


def test_first_block_is_one_line_that_ends_in_the_demo():
    assert BLOCKS[0].count("\n") == 1
    assert BLOCKS[0].rstrip().endswith("kibitz demo")


def test_second_block_is_one_line_that_passes_the_tests():
    assert BLOCKS[1].count("\n") == 1
    assert re.search(r"&& pytest( -n auto)?$", BLOCKS[1].rstrip())


def test_ci_runs_the_second_block_and_does_not_repeat_it():
    script = (ROOT / ".ci" / "run").read_text()
    assert "block == 2" in script
    # Once more for the agent alone, without its extension: that is another question.
    assert [line for line in script.splitlines() if "pytest" in line] == [
        "KIBITZ_SAMPLER=python pytest -q -n auto tests/agent"
    ]


def kibitz_lines():
    return [line for block in BLOCKS[2:] for line in block.splitlines() if line.startswith("kibitz ")]


@pytest.mark.parametrize("line", kibitz_lines())
def test_commands_for_pasting_are_understood(line, capsys):
    words = shlex.split(line)[1:]
    # --help after a command's own options: argparse refuses an option it does not know before it gets there.
    known = (
        words
        if words[0] != "run"
        else words[: words.index("app.py") if "app.py" in words else words.index("slow.py")]
    )
    with pytest.raises(SystemExit) as ended:
        main([*known, "--help"])
    assert ended.value.code == 0
    assert f"kibitz {words[0]}" in capsys.readouterr().out


def test_pictures_are_there():
    for path in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / path).is_file(), path
