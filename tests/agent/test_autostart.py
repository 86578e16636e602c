"""Whom the start by environment variable leaves alone, and what it calls the others."""

from __future__ import annotations

import pytest

from kibitz_agent.autostart import group_of, is_wanted
from kibitz_agent.command_line import flags_of, program_of

ON = {"KIBITZ_ENABLED": "1"}


@pytest.mark.parametrize(
    ("argv", "group"),
    [
        (["python", "/srv/shop.py", "-m", "pip"], "shop"),
        (["python", "-m", "shop.web", "--port", "1"], "shop"),
        (["python", "-X", "dev", "-W", "error", "-u", "shop.py"], "shop"),
        (["python", "-Bm", "shop"], "shop"),
        (["python", "-mshop"], "shop"),
        (["python", "/opt/app/bin/gunicorn", "shop:app"], "gunicorn"),
        (["python", "/srv/shop/__main__.py"], "shop"),
        (["python", "-c", "pass"], "python"),
    ],
)
def test_program_is_wanted_and_called_by_its_name(argv, group):
    assert is_wanted(argv, ON)
    assert group_of(argv) == group


@pytest.mark.parametrize(
    "argv",
    [
        ["python"],
        ["python", "-i"],
        ["python", "-m", "pip", "install", "x"],
        ["python", "-Im", "ensurepip"],
        ["python", "-m", "pip.__main__"],
        ["python", "/venv/bin/mypy", "src"],
        ["python", "setup.py", "build"],
        ["python", "/venv/bin/kibitz", "serve"],
        ["python", "-m", "kibitz_agent.cli", "serve"],
        ["python", "-c", "from multiprocessing.resource_tracker import main;main(5)"],
    ],
)
def test_tools_and_interactive_sessions_are_left_alone(argv):
    assert not is_wanted(argv, ON)


@pytest.mark.parametrize(
    "environ",
    [{}, {"KIBITZ_ENABLED": "off"}, {**ON, "KIBITZ_DISABLED": "1"}, {**ON, "KIBITZ_RUN_OPTIONS": "{}"}],
)
def test_environment_decides(environ):
    assert not is_wanted(["python", "shop.py"], environ)


@pytest.mark.parametrize(
    ("argv", "flags", "program"),
    [
        (
            ["python", "-O", "-X", "dev", "-W", "error", "a.py", "-O"],
            ["-O", "-X", "dev", "-W", "error"],
            ["a.py", "-O"],
        ),
        (["python", "-OBm", "shop", "-x"], ["-OB"], ["-m", "shop", "-x"]),
        (["python", "-Xutf8", "-c", "pass"], ["-Xutf8"], ["-c", "pass"]),
        (["python", "--check-hash-based-pycs", "always", "-"], ["--check-hash-based-pycs", "always"], ["-"]),
        (["python", "-i"], ["-i"], []),
    ],
)
def test_command_line_is_split_into_flags_and_program(argv, flags, program):
    assert (flags_of(argv), program_of(argv)) == (flags, program)
