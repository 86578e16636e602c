"""`kibitz run`: programs cannot tell it from plain Python, and its files hold what they did."""

from __future__ import annotations

import ast
import gzip
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

LAUNCH = Path(__file__).resolve().parent.parent / "targets" / "launch"
KIBITZ = [sys.executable, "-m", "kibitz_agent.cli", "run"]


def execute(command, cwd=LAUNCH, stdin="", **environment):
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("KIBITZ_", "AWS_"))}
    return subprocess.run(
        command,
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env={**environ, **environment},
    )


def without_our_line(text):
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("kibitz: "))


PROGRAMS = [
    ["arguments.py"],
    ["arguments.py", "--output", "x.html", "-v", "--help", "--", "-m"],
    [str(LAUNCH / "arguments.py"), ""],
    ["-m", "package", "-x", "--group"],
    ["-m", "json.tool", "--help"],
    ["package", "one"],
    ["-c", "import sys; print(sys.argv, __name__)", "-a"],
    ["-", "b"],
    ["pickles.py"],
    ["ends.py", "status"],
    ["ends.py", "message"],
    ["ends.py", "exception"],
    ["ends.py", "hard"],
    ["ends.py", "SIGINT"],
    ["ends.py", "SIGTERM"],
    ["ends.py", "SIGKILL"],
    ["ends.py", "handled"],
    ["ends.py", "thread"],
    ["ends.py", "daemon"],
    ["ends.py", "missing"],
    ["no_such_file.py"],
    ["-m", "no_such_module_anywhere"],
]


@pytest.mark.parametrize("program", PROGRAMS, ids=" ".join)
def test_program_behaves_as_under_plain_python(program, tmp_path):
    stdin = "import sys; print(sys.argv, __name__)" if program[0] == "-" else ""
    plain = execute([sys.executable, *program], stdin=stdin)
    # The children's way in is in the environment, which one of these programs prints.
    alone = ["--no-children"] if "arguments.py" in program[0] else []
    ours = execute([*KIBITZ, *alone, "--output", str(tmp_path / "p.txt"), *program], stdin=stdin)
    assert ours.stdout == plain.stdout
    assert without_our_line(ours.stderr) == plain.stderr
    assert ours.returncode == plain.returncode


def test_zip_file_runs(tmp_path):
    with zipfile.ZipFile(tmp_path / "app.zip", "w") as archive:
        archive.writestr("__main__.py", "import sys; print(sys.argv[1:], __name__)")
    ours = execute([*KIBITZ, "--output", str(tmp_path / "p.txt"), "app.zip", "x"], cwd=tmp_path)
    assert ours.stdout == "['x'] __main__\n"


def test_own_sitecustomize_and_pythonpath_stay(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("print('customised')")
    command = [*KIBITZ, "--no-children", "--output", str(tmp_path / "p.txt"), "arguments.py"]
    environment = {"PYTHONPATH": str(tmp_path)}
    plain = execute([sys.executable, "arguments.py"], **environment)
    assert plain.stdout.startswith("customised\n")
    # The command's own interpreter is customised too: its line comes first.
    assert execute(command, **environment).stdout == "customised\n" + plain.stdout


def test_interpreter_flags_are_carried_over(tmp_path):
    flags = ["-O", "-W", "error::UserWarning"]
    ours = [
        sys.executable,
        *flags,
        *KIBITZ[1:],
        "--no-children",
        "--output",
        str(tmp_path / "p.txt"),
        "arguments.py",
    ]
    assert execute(ours).stdout == execute([sys.executable, *flags, "arguments.py"]).stdout


def stacks(path):
    return [line.rpartition(" ") for line in path.read_text().splitlines()]


def test_collapsed_stacks_start_at_the_script_and_name_its_functions(tmp_path):
    path = tmp_path / "p.txt"
    done = execute([*KIBITZ, "--output", str(path), "busy.py"])
    assert done.returncode == 0
    assert done.stderr == f"kibitz: {sum(int(count) for _, _, count in stacks(path))} samples, see {path}\n"
    text = path.read_text()
    assert "__main__:<module>;__main__:a;__main__:b;__main__:c;__main__:d" in text
    assert "kibitz" not in text
    assert "runpy" not in text


def test_stack_depth_keeps_the_outermost_frames_and_marks_the_cut(tmp_path):
    path = tmp_path / "p.txt"
    execute([*KIBITZ, "--output", str(path), "--max-stack-depth", "2", "busy.py"])
    # A first look may find the interpreter still starting: what it does there is not the program's.
    assert {stack for stack, _, _ in stacks(path) if stack.startswith("__main__")} == {
        "__main__:<module>;__main__:a"
    }
    assert max(stack.count(";") for stack, _, _ in stacks(path)) == 1
    page = tmp_path / "p.html"
    execute([*KIBITZ, "--output", str(page), "--max-stack-depth", "2", "busy.py"])
    assert "MaxStackDepth" in page.read_text()


def test_each_ending_writes_its_format(tmp_path):
    for name in ("p.html", "p.pb.gz", "p.json"):
        assert execute([*KIBITZ, "--output", str(tmp_path / name), "busy.py", "0.3"]).returncode == 0
    assert "__main__:d" in (tmp_path / "p.html").read_text()
    assert b"__main__:d" in gzip.decompress((tmp_path / "p.pb.gz").read_bytes())
    speedscope = json.loads((tmp_path / "p.json").read_text())
    assert "__main__:d" in {frame["name"] for frame in speedscope["shared"]["frames"]}


def test_forked_and_spawned_children_of_multiprocessing_do_not_break_the_file(tmp_path):
    path = tmp_path / "p.txt"
    execute([*KIBITZ, "--output", str(path), "pickles.py"])
    assert path.read_text()
    assert [entry.name for entry in tmp_path.iterdir()] == ["p.txt"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "nothing to run"),
        (["busy.py"], "where should the profile go"),
        (["--output", "p.xyz", "busy.py"], "endings"),
        (["--output", "/no/such/folder/p.html", "busy.py"], "no folder"),
        (["--output", ".", "busy.py"], "cannot tell a format"),
        (["--output", "p.html"], "nothing to run"),
        (["--output", "p.html", "-m"], "-m needs a module"),
        (["--output", "p.html", "--max-stack-depth", "0", "busy.py"], "max_stack_depth"),
        (["--output", "p.html", "--sampling-interval-ms", "0", "busy.py"], "sampling_interval_ms"),
        (["--output", "p.html", "--memory-limit-percent", "101", "busy.py"], "memory_limit_percent"),
        (["--group", "a b", "busy.py"], "group"),
        (["--group", "a", "--collector", "ftp://x", "busy.py"], "collector"),
        (["--sampling-interval-ms", "often", "--output", "p.html", "busy.py"], "invalid int value"),
    ],
)
def test_wrong_command_line_is_refused_before_the_program_starts(arguments, complaint, tmp_path):
    done = execute([*KIBITZ, *arguments], cwd=tmp_path)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_wrong_environment_is_refused_by_name(tmp_path):
    done = execute([*KIBITZ, "--output", str(tmp_path / "p.txt"), "busy.py"], KIBITZ_MAX_STACK_DEPTH="deep")
    assert done.returncode == 2
    assert "KIBITZ_MAX_STACK_DEPTH" in done.stderr


def test_aws_variables_are_understood(tmp_path):
    path = tmp_path / "p.txt"
    execute(
        [*KIBITZ, "--output", str(path), "busy.py", "0.6"], AWS_CODEGURU_PROFILER_SAMPLING_INTERVAL_MS="200"
    )
    assert 1 <= sum(int(count) for _, _, count in stacks(path)) <= 8


def test_dead_collector_neither_holds_up_nor_changes_the_program():
    done = execute([*KIBITZ, "--group", "g", "--collector", "http://127.0.0.1:9", "ends.py", "status"])
    assert done.returncode == 3
    assert done.stdout == "atexit ran\n"


def functions(path):
    return {frame for stack, _, _ in stacks(path) for frame in stack.split(";")}


SPIN = "import time\ndef commanded():\n  end = time.process_time() + 0.7\n  while time.process_time() < end: sum(range(200))\ncommanded()"
SPAWNS = (
    f"import multiprocessing, os, subprocess, sys\nSPIN = {SPIN!r}\n"
    """
import time
def spawned():
    end = time.process_time() + 0.7
    while time.process_time() < end: sum(range(200))
def forkserved():
    end = time.process_time() + 0.7
    while time.process_time() < end: sum(range(200))
if __name__ == "__main__":
    subprocess.run([sys.executable, "-c", SPIN], check=True)
    subprocess.run([sys.executable, "-c", SPIN.replace("commanded", "copied")], env={**os.environ, "A": "1"}, check=True)
    nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SPIN.replace('commanded', 'nested')!r}], check=True)"
    subprocess.run([sys.executable, "-c", nested], check=True)
    for method, target in ("spawn", spawned), ("forkserver", forkserved):
        process = multiprocessing.get_context(method).Process(target=target)
        process.start()
        process.join()
"""
)


def test_pythons_that_the_program_starts_end_up_in_its_file(tmp_path):
    (tmp_path / "tree.py").write_text(SPAWNS)
    done = execute([*KIBITZ, "--output", "p.txt", "tree.py"], cwd=tmp_path)
    assert (done.returncode, without_our_line(done.stderr)) == (0, "")
    found = functions(tmp_path / "p.txt")
    assert {"__main__:commanded", "__main__:copied", "__main__:nested"} <= found
    assert {name.partition(":")[2] for name in found} >= {"spawned", "forkserved"}
    # What multiprocessing runs beside its workers is nobody's program.
    assert "multiprocessing.resource_tracker:main" not in found


def test_children_are_left_alone_when_asked_and_no_trace_is_left(tmp_path):
    code = "import os; print(sorted(n for n in os.environ if n.startswith(('KIBITZ', 'PYTHONP'))))"
    (tmp_path / "tree.py").write_text(SPAWNS + f"    subprocess.run([sys.executable, '-c', {code!r}])\n")
    done = execute([*KIBITZ, "--no-children", "--output", "p.txt", "tree.py"], cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "[]\n")
    assert "__main__:commanded" not in functions(tmp_path / "p.txt")


def test_program_that_replaces_itself_is_profiled_on(tmp_path):
    (tmp_path / "again.py").write_text(
        "import os, sys, time\n"
        "def second():\n    end = time.process_time() + 0.7\n    while time.process_time() < end: sum(range(200))\n"
        "if len(sys.argv) == 1: os.execv(sys.executable, [sys.executable, sys.argv[0], 'again'])\n"
        "second()\n"
    )
    done = execute([*KIBITZ, "--output", "p.txt", "again.py"], cwd=tmp_path)
    assert (done.returncode, without_our_line(done.stderr)) == (0, "")
    assert "__main__:second" in functions(tmp_path / "p.txt")


@pytest.mark.parametrize("minor", [12, 13, 14])
def test_child_of_another_python_is_profiled_too(minor, tmp_path, interpreter):
    (tmp_path / "other.py").write_text(
        f"import subprocess\nsubprocess.run([{interpreter(minor)!r}, '-c', {SPIN!r}], check=True)\n"
    )
    done = execute([*KIBITZ, "--output", "p.txt", "other.py"], cwd=tmp_path)
    assert (done.returncode, without_our_line(done.stderr)) == (0, "")
    assert "__main__:commanded" in functions(tmp_path / "p.txt")


def test_bootstrap_can_be_read_by_an_interpreter_of_another_age():
    text = (LAUNCH.parents[2] / "agent" / "kibitz_agent" / "bootstrap" / "sitecustomize.py").read_text()
    tree = ast.parse(text, feature_version=(3, 4))
    kinds = {type(node) for node in ast.walk(tree)}
    assert not kinds & {ast.AnnAssign, ast.JoinedStr, ast.NamedExpr, ast.Match, ast.AsyncFunctionDef}
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert functions
    assert not any(node.returns or any(arg.annotation for arg in node.args.args) for node in functions)


def test_program_without_a_sitecustomize_finds_none(tmp_path):
    code = "try:\n import sitecustomize; print('there')\nexcept ImportError as e: print(e.name)"
    done = execute([*KIBITZ, "--output", str(tmp_path / "p.txt"), "-c", code], cwd=tmp_path)
    assert done.stdout == execute([sys.executable, "-c", code]).stdout


def test_command_line_gains_no_flags(tmp_path):
    code = "import sys; print(sys.orig_argv[1:], sys.flags.dont_write_bytecode)"
    ours = execute(
        [*KIBITZ, "--output", str(tmp_path / "p.txt"), "-c", code], cwd=tmp_path, PYTHONDONTWRITEBYTECODE="1"
    )
    plain = execute([sys.executable, "-c", code], cwd=tmp_path, PYTHONDONTWRITEBYTECODE="1")
    assert ours.stdout == plain.stdout
