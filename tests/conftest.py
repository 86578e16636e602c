"""Fixtures and rules shared by every part's tests."""

from __future__ import annotations

import functools
import importlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import pytest

IN_CI = os.environ.get("CI", "").lower() == "true"
ROOT = Path(__file__).resolve().parent.parent
#: Tests that take ten seconds and more, the longest first.
LONG = (
    "test_memory_stays_flat_while_threads_come_and_go_at_a_look_a_millisecond",
    "test_three_thousand_files_and_six_thousand_findings_are_one_summary",
    "test_an_upload_stays_within_what_code_scanning_takes",
    "test_once_finds_the_shops_functions_and_the_planted_problems",
    "test_ctrl_c_and_sigterm_end_all_of_it",
    "test_what_is_older_than_it_may_get_is_let_go",
    "test_it_answers_like_sqlite",
    "test_the_change_between_two_releases_is_reviewed_without_a_crash_or_a_parse_error",
    "test_an_hour_is_as_good_as_another_whatever_their_order",
    "test_sqlite_is_copied_into_it_and_goes_on_there",
    "test_findings_that_people_waved_away_no_longer_fail_the_check",
    "test_store_is_sound_after_a_collector_was_killed",
    "test_no_request_that_is_wrong_in_one_place_is_a_mistake_of_the_collector",
    "test_every_celery_child_reports_once_a_period",
    "test_killed_under_load_it_loses_and_repeats_nothing",
    "test_the_corpus_is_large_and_half_of_it_compliant",
)


def missing(what: str) -> None:
    """Skip on a laptop, fail under CI=true: a check that silently does not run is no check."""
    if IN_CI:
        pytest.fail(f"{what} is missing, and CI must have it")
    pytest.skip(f"{what} is missing")


def pytest_configure() -> None:
    """What a shell runs in the background ignores Ctrl-C, and so would every program that a test starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """``-n auto``: half as many again as processors, since many tests wait for the processes they start."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    return (os.cpu_count() or 1) * 3 // 2 or 1


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long tests first, so that none is left alone at the end; those of a module that share a browser stay together."""
    items.sort(key=_place)
    if config.pluginmanager.hasplugin("xdist"):
        for item in items:
            if "chromium" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.xdist_group(item.path.stem))


def _place(item: pytest.Item) -> int:
    """Where a test stands in the order: the long ones of the list, then the slower folder, then the rest."""
    name = getattr(item, "originalname", item.name)
    if name in LONG:
        return LONG.index(name)
    return len(LONG) + ("integration" not in item.path.parts)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A whole module that waits for a package, by ``importorskip``, must find it in CI."""
    report = yield
    _fail_where_an_import_was_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """The same for one test."""
    report = yield
    _fail_where_an_import_was_skipped(report)
    return report


def _fail_where_an_import_was_skipped(report: pytest.CollectReport | pytest.TestReport) -> None:
    if IN_CI and report.skipped and "could not import" in str(report.longrepr):
        report.outcome, report.longrepr = "failed", f"{report.longrepr}, and CI must have it"


@pytest.fixture(scope="session")
def lacking() -> Callable[[str], None]:
    """``lacking("a compiler")``: skip on a laptop, fail under CI=true."""
    return missing


@pytest.fixture(scope="session")
def need() -> Callable[[str], str]:
    """``need("chromium")``: the path of a program this test cannot do without."""

    def find(program: str) -> str:
        path = shutil.which(program)
        if path is None:
            missing(program)
            raise AssertionError
        return path

    return find


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """``free_port()``: one that nobody listens on, for a program that cannot choose its own.

    Below those that the system hands out, or a client of another test could have it before the program does.
    """

    def find() -> int:
        while True:
            with socket.socket() as free, suppress(OSError):
                port = random.SystemRandom().randrange(12_000, 32_000)
                free.bind(("127.0.0.1", port))
                return port

    return find


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the source tree."""
    return ROOT


@pytest.fixture(scope="session")
def targets(root: Path) -> Path:
    """The programs that integration tests profile and review."""
    return root / "tests" / "targets"


@pytest.fixture(scope="session")
def stand_in(root: Path) -> Callable[[str], ModuleType]:
    """``stand_in("fake_github")``: that module of tests/stand_ins."""

    folder = str(root / "tests" / "stand_ins")
    if folder not in sys.path:
        sys.path.append(folder)
    return importlib.import_module


@pytest.fixture(scope="session")
def interpreter() -> Callable[[int], str]:
    """``interpreter(14)``: the path of a CPython 3.14, which this test cannot do without."""

    def find(minor: int) -> str:
        program = _interpreters().get(minor)
        if program is None:
            missing(f"CPython 3.{minor} (name one in KIBITZ_TEST_PYTHONS)")
            raise AssertionError
        return program

    return find


@functools.cache
def _interpreters() -> dict[int, str]:
    """CPython programs by minor version: of KIBITZ_TEST_PYTHONS (paths, separated by colons), pyenv, and the path."""
    found = {sys.version_info.minor: sys.executable}
    for program in _candidates():
        minor = _minor(program)
        if minor is not None:
            found.setdefault(minor, program)
    return found


def _candidates() -> list[str]:
    named = [path for path in os.environ.get("KIBITZ_TEST_PYTHONS", "").split(os.pathsep) if path]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions")
    built = sorted(str(path) for path in pyenv.glob("3.1[1-9]*/bin/python3") if "t" not in path.parts[-3])
    on_path = [shutil.which(f"python3.{minor}") for minor in range(11, 16)]
    return [*named, *built, *(path for path in on_path if path)]


def _minor(program: str) -> int | None:
    code = "import sys; print(sys.implementation.name, *sys.version_info[:2])"
    try:
        told = subprocess.run(
            [program, "-I", "-c", code], capture_output=True, text=True, timeout=240, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = told.stdout.split()
    return int(words[2]) if words[:2] == ["cpython", "3"] else None


def _programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    path = shutil.which("initdb")
    return Path(path).parent if path else None


@pytest.fixture(scope="session")
def postgresql(lacking: Callable[[str], None], free_port: Callable[[], int]) -> Iterator[str]:
    """A PostgreSQL of our own; it refuses to run as root, so that it runs as nobody there."""
    programs = _programs()
    if programs is None:
        lacking("PostgreSQL")
        raise AssertionError
    folder = Path(tempfile.mkdtemp(prefix="kibitz-pg-"))
    as_user: dict[str, object] = {}
    if os.geteuid() == 0:
        shutil.chown(folder, 65534, 65534)
        as_user = {"user": 65534, "group": 65534, "extra_groups": []}
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "HOME": str(folder)}

    def run(*command: object) -> None:
        subprocess.run(
            [str(part) for part in command],
            check=True,
            capture_output=True,
            timeout=240,
            cwd=folder,
            env=environment,
            **as_user,
        )

    data, port = folder / "data", free_port()
    run(programs / "initdb", "-D", data, "-U", "kibitz", "--auth=trust", "-E", "UTF8", "--no-sync")
    options = (
        f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c max_connections=60"
    )
    run(programs / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start")
    yield f"postgresql://kibitz@127.0.0.1:{port}"
    run(programs / "pg_ctl", "-D", data, "-m", "immediate", "stop")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database(new_database: Callable[[], str]) -> str:
    """An empty PostgreSQL database's address."""
    return new_database()


@pytest.fixture
def new_database(postgresql: str) -> Iterator[Callable[[], str]]:
    """Makes an empty PostgreSQL database, and gives its address."""
    import sqlalchemy as sa

    admin = sa.create_engine(
        postgresql.replace("postgresql:", "postgresql+psycopg:") + "/postgres", isolation_level="AUTOCOMMIT"
    )
    made = []

    def make() -> str:
        made.append(f"t{os.urandom(4).hex()}")
        with admin.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {made[-1]}")
        return f"{postgresql}/{made[-1]}"

    yield make
    with admin.connect() as connection:
        for name in made:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    admin.dispose()
