"""The command line: finds commands of every part, explains the missing, and gives back their exit status."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import pytest

from kibitz_agent import cli


def command(
    monkeypatch: pytest.MonkeyPatch, name: str, run: object = None, doc: str = "Does it.\n\nAt length."
) -> EntryPoint:
    """An entry point to a module made for the test, whose `run` is ``run``."""
    module = ModuleType(f"made_for_the_test_{name}", doc)
    module.add_arguments = lambda parser: parser.add_argument("--number", type=int, default=0)  # type: ignore[attr-defined]
    module.run = run or (lambda args: args.number)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return EntryPoint(name, module.__name__, cli.GROUP)


def absent(name: str, module: str) -> EntryPoint:
    return EntryPoint(name, module, cli.GROUP)


def test_status_is_the_commands_own(monkeypatch: pytest.MonkeyPatch):
    assert cli.main(["one", "--number", "7"], [command(monkeypatch, "one")]) == 7


def test_only_the_command_asked_for_is_imported(monkeypatch: pytest.MonkeyPatch):
    entries = [command(monkeypatch, "one"), absent("broken", "no_such_module_anywhere")]
    assert cli.main(["one"], entries) == 0


def test_command_without_its_extra_says_what_to_install(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["serve"], [absent("serve", "kibitz_server_absent.commands.serve")]) == cli.USAGE_ERROR
    assert "pip install 'kibitz[server_absent]'" in capsys.readouterr().err


def test_import_that_fails_while_running_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def run(args: object) -> int:
        raise ModuleNotFoundError("No module named 'flask'", name="flask")

    assert cli.main(["one"], [command(monkeypatch, "one", run)]) == cli.USAGE_ERROR
    assert "flask is not installed" in capsys.readouterr().err


def test_missing_module_of_our_own_is_a_bug_and_no_advice(monkeypatch: pytest.MonkeyPatch):
    def run(args: object) -> int:
        raise ModuleNotFoundError("No module named 'kibitz_agent.gone'", name="kibitz_agent.gone")

    with pytest.raises(ModuleNotFoundError):
        cli.main(["one"], [command(monkeypatch, "one", run)])


def test_import_that_fails_in_the_program_being_run_is_the_programs_own(monkeypatch: pytest.MonkeyPatch):
    def run(args: object) -> int:
        raise ModuleNotFoundError("No module named 'numpy'", name="numpy")

    command(monkeypatch, "run", run)
    monkeypatch.setitem(sys.modules, "kibitz_agent.commands.made_up", sys.modules["made_for_the_test_run"])
    with pytest.raises(ModuleNotFoundError, match="numpy"):
        cli.main(["run"], [absent("run", "kibitz_agent.commands.made_up")])


def test_help_lists_what_is_there_in_the_order_of_use_and_what_is_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    entries = [
        command(monkeypatch, "rules"),
        command(monkeypatch, "run"),
        absent("serve", "kibitz_server_absent.commands.serve"),
    ]
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"], entries)
    out = capsys.readouterr().out
    assert ended.value.code == 0
    assert out.index("run ") < out.index("serve ") < out.index("rules ")
    assert "kibitz[server_absent]" in out


def test_no_command_shows_help_and_is_a_usage_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert cli.main([], [command(monkeypatch, "one")]) == cli.USAGE_ERROR
    assert "COMMAND" in capsys.readouterr().out


@pytest.mark.parametrize("argv", [["nonsense"], ["one", "--number", "x"], ["--bogus"]])
def test_wrong_usage_is_a_usage_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], argv: list[str]
):
    with pytest.raises(SystemExit) as ended:
        cli.main(argv, [command(monkeypatch, "one")])
    assert ended.value.code == cli.USAGE_ERROR
    assert "error:" in capsys.readouterr().err


def test_docstring_is_the_help(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        cli.main(["one", "--help"], [command(monkeypatch, "one", doc="Counts at 100 %.\n\nAt %length%.")])
    out = capsys.readouterr().out
    assert "Counts at 100 %." in out
    assert "At %length%." in out


def test_percent_in_a_summary_does_not_break_the_list(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit):
        cli.main(["--help"], [command(monkeypatch, "one", doc="Counts at 100 %.")])
    assert "Counts at 100 %." in capsys.readouterr().out


def test_ctrl_c_ends_quietly_with_130(monkeypatch: pytest.MonkeyPatch):
    def run(args: object) -> int:
        raise KeyboardInterrupt

    assert cli.main(["one"], [command(monkeypatch, "one", run)]) == cli.INTERRUPTED


def test_version_is_the_distributions(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        cli.main(["--version"], [])
    assert capsys.readouterr().out.startswith("kibitz ")


def test_installed_command_answers():
    out = subprocess.run(
        [sys.executable, "-m", "kibitz_agent.cli", "--version"], capture_output=True, text=True, check=True
    )
    assert out.stdout.startswith("kibitz ")


def test_source_tree_that_was_never_installed_says_so(root: Path):
    done = subprocess.run(
        [sys.executable, "-S", "-m", "kibitz_agent.cli", "run", "--help"],
        env={"PYTHONPATH": str(root / "agent")}, cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (cli.USAGE_ERROR, "")
    assert done.stderr == "kibitz: no command is registered here: install the package (pip install kibitz)\n"
