"""Why the kernel said no, and the command that grants it."""

from __future__ import annotations

import os
from pathlib import Path

from kibitz_agent.attach.target import Target

_YAMA = Path("/proc/sys/kernel/yama/ptrace_scope")
_SYS_PTRACE = 19


def explain(target: Target) -> str:
    """A sentence or two for the person who may not attach to ``target``: the missing permission and the remedy."""
    owner = target.status().get("Uid", "").split()
    mine = os.geteuid()
    if owner and int(owner[0]) != mine and not _has_sys_ptrace():
        return (
            f"process {target.pid} belongs to user id {owner[0]}, you are {mine}: run the command as that user "
            f"(sudo -u '#{owner[0]}' kibitz attach {target.pid}) or as root"
        )
    scope = _yama_scope()
    if scope == 1 and not _has_sys_ptrace():
        return (
            "the kernel lets a process be traced by its ancestors only (kernel.yama.ptrace_scope = 1): use sudo, or "
            "sudo sysctl kernel.yama.ptrace_scope=0"
        )
    if scope == 2 and not _has_sys_ptrace():
        return "the kernel wants CAP_SYS_PTRACE for tracing (kernel.yama.ptrace_scope = 2): use sudo"
    if scope == 3:
        return "tracing is switched off until the next boot (kernel.yama.ptrace_scope = 3): start it with `kibitz run`"
    return (
        "tracing is forbidden here. In a container: docker run --cap-add=SYS_PTRACE, or in a pod "
        'securityContext: {capabilities: {add: ["SYS_PTRACE"]}}; where that cannot be had (Lambda, Fargate, gVisor), '
        "start the program with `kibitz run`"
    )


def _yama_scope() -> int | None:
    try:
        return int(_YAMA.read_text())
    except (OSError, ValueError):
        return None


def _has_sys_ptrace() -> bool:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return False
    effective = next((line.split()[1] for line in lines if line.startswith("CapEff:")), "0")
    return bool(int(effective, 16) >> _SYS_PTRACE & 1)
