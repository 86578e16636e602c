"""Each refusal names the permission that is missing and what grants it."""

from __future__ import annotations

import os
import sys

import pytest

from kibitz_agent.attach import permissions
from kibitz_agent.attach.target import Target

if not sys.platform.startswith("linux"):
    pytest.skip("permissions are Linux's", allow_module_level=True)


@pytest.fixture
def as_user(monkeypatch, tmp_path):
    """``as_user(scope)``: without CAP_SYS_PTRACE, under that Yama scope."""

    def become(scope, user=None):
        monkeypatch.setattr(permissions, "_has_sys_ptrace", lambda: False)
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() if user is None else user)
        path = tmp_path / "scope"
        if scope is not None:
            path.write_text(f"{scope}\n")
        monkeypatch.setattr(permissions, "_YAMA", path)
        return permissions.explain(Target(os.getpid()))

    return become


def test_another_users_process_needs_that_user(as_user):
    said = as_user(0, user=os.getuid() + 1)
    assert f"belongs to user id {os.getuid()}" in said
    assert f"sudo -u '#{os.getuid()}' kibitz attach {os.getpid()}" in said


@pytest.mark.parametrize(
    ("scope", "remedy"),
    [
        (1, "sysctl kernel.yama.ptrace_scope=0"),
        (2, "use sudo"),
        (3, "kibitz run"),
        (0, "--cap-add=SYS_PTRACE"),
        (None, "SYS_PTRACE"),
    ],
)
def test_each_ptrace_scope_has_its_remedy(as_user, scope, remedy):
    assert remedy in as_user(scope)


def test_capabilities_are_read_from_the_kernel():
    held = permissions._has_sys_ptrace()
    with open("/proc/self/status") as status:
        (line,) = [line for line in status if line.startswith("CapEff")]
    assert held == bool(int(line.split()[1], 16) & 1 << 19)
