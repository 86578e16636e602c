"""Before a process is touched: what it is refused for, and the trial on a throw-away one."""

from __future__ import annotations

import os
import sys

import pytest

from kibitz_agent.attach import canary, injector
from kibitz_agent.attach.errors import RefusedError
from kibitz_agent.attach.target import Target

if not sys.platform.startswith("linux"):
    pytest.skip("injecting works on Linux", allow_module_level=True)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({"State": "Z (zombie)"}, "has ended"),
        ({"State": "T (stopped)"}, "kill -CONT"),
        ({"State": "S (sleeping)", "TracerPid": "77"}, "by process 77"),
        ({"State": "R (running)", "x86_Thread_features": "shstk wrss"}, "shadow stack"),
    ],
)
def test_process_in_a_dangerous_state_is_refused(monkeypatch, status, said):
    monkeypatch.setattr(Target, "status", lambda self: status)
    with pytest.raises(RefusedError, match=said):
        injector.check(Target(4711))


def test_ordinary_process_is_not_refused():
    injector.check(Target(os.getpid()))


def test_canary_lives_on_where_injecting_works():
    canary.sing()


def test_canary_that_dies_keeps_the_target_untouched(tmp_path):
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nprintf r; exit 3\n")
    program.chmod(0o755)
    with pytest.raises(RefusedError, match="your process was not touched"):
        canary.sing([str(program)])
