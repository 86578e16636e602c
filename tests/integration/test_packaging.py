"""The wheel: what is in it, what it asks for, and that the agent alone is enough for the command."""

from __future__ import annotations

import email
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory):
    """Built from a copy: building leaves traces beside pyproject.toml."""
    source = tmp_path_factory.mktemp("source") / "kibitz"
    shutil.copytree(
        root,
        source,
        ignore=shutil.ignore_patterns(".git", ".venv", "build", "*.egg-info", "__pycache__", ".*_cache"),
    )
    out = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        str(out),
        str(source),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    [built] = out.glob("kibitz-*.whl")
    return built


def test_wheel_holds_every_file_that_is_read_at_run_time(wheel, root):
    names = set(zipfile.ZipFile(wheel).namelist())
    suffixes = {".py", ".js", ".css", ".html", ".svg", ".typed", ".toml"}
    needed = {
        path.relative_to(root / part).as_posix()
        for part, package in (
            ("agent", "kibitz_agent"),
            ("server", "kibitz_server"),
            ("reviewer", "kibitz_reviewer"),
        )
        for path in (root / part / package).rglob("*")
        if path.suffix in suffixes and "__pycache__" not in path.parts
    }
    assert sorted(needed - names) == []
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/"))]


def test_plain_install_asks_for_psutil_alone(wheel, root):
    with zipfile.ZipFile(wheel) as archive:
        [metadata] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        message = email.message_from_bytes(archive.read(metadata))
    required = message.get_all("Requires-Dist") or []
    assert [line for line in required if "extra ==" not in line] == ["psutil>=5.9"]
    extras = tomllib.loads((root / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(message.get_all("Provides-Extra") or []) == set(extras) >= {"all", "reviewer", "server"}


def test_command_works_with_the_agent_alone_and_says_what_else_needs(wheel, tmp_path):
    venv.create(tmp_path / "venv", with_pip=False)
    python = str(tmp_path / "venv" / "bin" / "python")
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", str(wheel)]
    done = subprocess.run(install, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    site = next(Path(tmp_path, "venv", "lib").glob("python*/site-packages"))
    assert not (site / "flask").exists()

    def kibitz(*words):
        command = [python, "-m", "kibitz_agent.cli", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=240, cwd=tmp_path)

    (tmp_path / "slow.py").write_text(
        "import time\nend = time.time() + 0.4\nwhile time.time() < end: sum(range(100))\n"
    )
    assert kibitz("--help").returncode == 0
    for words, extra in ((["serve"], "server"), (["review", "slow.py"], "reviewer"), (["demo"], "all")):
        refused = kibitz(*words)
        assert refused.returncode == 2
        assert f"pip install 'kibitz[{extra}]'" in refused.stderr
    ran = kibitz("run", "--output", "p.html", "slow.py")
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "p.html").stat().st_size > 10_000


def test_importing_the_agent_imports_nothing_of_the_others():
    code = "import sys, kibitz_agent.profiler; print([m for m in ('flask', 'numpy', 'libcst', 'sqlalchemy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A virtual environment with the wheel in it, without a network; its Python."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False)
    python = str(folder / "bin" / "python")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", str(wheel)],
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return python


# The agent's threads have begun when they say who they are.
NAMES = (
    "import sys, time\n"
    "def names():\n"
    "    if 'kibitz_agent' not in sys.modules: return []\n"
    "    own = getattr(sys.modules.get('kibitz_agent.own_threads'), 'OWN', None)\n"
    "    until = time.monotonic() + (5 if 'kibitz_agent.profiler' in sys.modules else 0)\n"
    "    while own is not None and len(own.names) < 3 and time.monotonic() < until: time.sleep(0.01)\n"
    "    return [] if own is None else sorted(own.names.values())\n"
)
TELL = f"{NAMES}print(names(), 'kibitz_agent' in sys.modules)"
AGENT = "['sampler', 'shipping', 'signals'] True\n"


def told(python, *words, **environ):
    environ = {"KIBITZ_COLLECTOR": "http://127.0.0.1:1", "PATH": "/usr/bin:/bin", **environ}
    done = subprocess.run(
        [python, *words], capture_output=True, text=True, check=False, timeout=240, env=environ
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("flags", [[], ["-I"], ["-E"], ["-s"], ["-u", "-B"]])
def test_kibitz_enabled_profiles_any_program_of_the_environment(installed, flags):
    assert told(installed, *flags, "-c", TELL, KIBITZ_ENABLED="1") == AGENT


@pytest.mark.parametrize(
    "environ", [{}, {"KIBITZ_ENABLED": "0"}, {"KIBITZ_ENABLED": "1", "KIBITZ_DISABLED": "1"}]
)
def test_without_kibitz_enabled_nothing_is_even_imported(installed, environ):
    threads, imported = told(installed, "-c", TELL, **environ).rsplit(" ", 1)
    assert threads == "[]"
    assert imported == "False\n" or "KIBITZ_ENABLED" in environ


def test_children_of_every_kind_are_profiled_where_it_is_enabled(installed, tmp_path):
    script = tmp_path / "app.py"
    script.write_text(
        f"import multiprocessing, subprocess\n{NAMES}"
        "def tell(queue): queue.put(names())\n"
        "if __name__ == '__main__':\n"
        "    for method in ('fork', 'spawn', 'forkserver'):\n"
        "        context = multiprocessing.get_context(method)\n"
        "        queue = context.SimpleQueue()\n"
        "        child = context.Process(target=tell, args=(queue,)); child.start()\n"
        "        print(method, queue.get()); child.join()\n"
        f"    subprocess.run([sys.executable, '-c', {TELL!r}])\n"
    )
    names = "['sampler', 'shipping', 'signals']"
    expected = "".join(f"{method} {names}\n" for method in ("fork", "spawn", "forkserver"))
    assert told(installed, "-u", "-W", "ignore", str(script), KIBITZ_ENABLED="1") == expected + AGENT


def test_kibitz_run_and_kibitz_enabled_together_start_one_profiler(installed, tmp_path):
    output = tmp_path / "p.txt"
    program = ["-c", f"import time; time.sleep(0.3)\n{TELL}"]
    done = subprocess.run(
        [installed, "-m", "kibitz_agent.cli", "run", "--output", str(output), *program],
        capture_output=True, text=True, check=False, timeout=240, env={"KIBITZ_ENABLED": "1"},
    )  # fmt: skip
    assert done.stdout == AGENT, done.stderr
    assert output.read_text()


def test_installed_commands_are_those_that_pyproject_declares(wheel, root):
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt")]
        declared = archive.read(name).decode()
    for group, members in tomllib.loads((root / "pyproject.toml").read_text())["project"][
        "entry-points"
    ].items():
        assert f"[{group}]" in declared
        assert all(f"{command} = {module}" in declared for command, module in members.items())


def test_uninstalling_leaves_nothing_behind(wheel, tmp_path):
    venv.create(tmp_path / "venv", with_pip=False)
    pip = [sys.executable, "-m", "pip", "--python", str(tmp_path / "venv" / "bin" / "python")]
    site = next(Path(tmp_path, "venv", "lib").glob("python*/site-packages"))
    before = sorted(site.iterdir())
    for words in (["install", "--no-deps", "--no-index", str(wheel)], ["uninstall", "--yes", "kibitz"]):
        subprocess.run([*pip, *words, "--quiet"], check=True, timeout=240, capture_output=True)
        assert (site / "kibitz-autostart.pth").exists() == (words[0] == "install")
    # The folder itself goes too when nothing is left in it.
    assert (sorted(site.iterdir()) if site.exists() else []) == before
