"""The brakes: memory from cgroup or machine, the kill switch, and CPU by the agent's own thread time."""

from __future__ import annotations

from pathlib import Path

import pytest

from kibitz_agent.limits import CpuLimit, KillSwitch, usable_memory_bytes

S = 1_000_000_000
GIB = 1 << 30


def cgroup(root: Path, own: str, **files: str) -> str:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(own)
    for name, text in files.items():
        file = (
            root
            / "sys/fs/cgroup"
            / name.replace("__", "/").replace("_max", ".max").replace("_limit", ".limit")
        )
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return str(root)


def test_without_a_cgroup_the_machine_is_the_limit(tmp_path: Path):
    assert usable_memory_bytes(str(tmp_path)) == pytest.approx(usable_memory_bytes("/nowhere"))
    assert usable_memory_bytes(str(tmp_path)) > GIB // 8


def test_smallest_limit_of_all_groups_above_counts(tmp_path: Path):
    root = cgroup(
        tmp_path,
        "0::/pod/app\n",
        memory_max="max\n",
        pod__memory_max="33554432\n",
        pod__app__memory_max="67108864\n",
    )
    assert usable_memory_bytes(root) == 32 << 20


def test_version_1_of_the_interface_is_read_too(tmp_path: Path):
    root = cgroup(
        tmp_path,
        "5:cpu:/x\n3:memory:/pod\n",
        memory__memory_limit_in_bytes="9223372036854771712\n",
        memory__pod__memory_limit_in_bytes="16777216\n",
    )
    assert usable_memory_bytes(root) == 16 << 20


@pytest.mark.parametrize("text", ["", "max", "-1", "0", "garbage", "9223372036854771712"])
def test_group_that_says_nothing_usable_does_not_count(tmp_path: Path, text: str):
    root = cgroup(tmp_path, "garbage\n0::/\n", memory_max=text)
    assert usable_memory_bytes(root) == usable_memory_bytes("/nowhere")


def test_kill_switch_variable_turns_it_on():
    assert KillSwitch({"KIBITZ_KILL_SWITCH": "1"}).is_on(0)
    assert not KillSwitch({"KIBITZ_KILL_SWITCH": "0"}).is_on(0)
    assert not KillSwitch({}).is_on(0)


def test_kill_switch_file_is_seen_when_it_comes_and_when_it_goes(tmp_path: Path):
    file = tmp_path / "off"
    switch = KillSwitch({"KIBITZ_KILL_SWITCH_FILE": str(file)})
    assert not switch.is_on(0)
    file.touch()
    assert not switch.is_on(9 * S)
    assert switch.is_on(10 * S)
    file.unlink()
    assert not switch.is_on(20 * S)


def test_kill_switch_path_that_cannot_be_one_is_off():
    assert not KillSwitch({"KIBITZ_KILL_SWITCH_FILE": "a\0b"}).is_on(0)


def test_cpu_over_the_limit_makes_samples_rarer_until_it_fits_and_denser_again_after():
    limit, cpu, now, ticks_per_s = CpuLimit(0, 0), 0.0, 0, 1000
    struck, cost_ns = [], 400_000
    for _ in range(20):
        now += 2 * S
        cpu += 2 * ticks_per_s / limit.stretch * cost_ns
        struck.append(limit.judge(int(cpu), now, limit_percent=10))
    assert struck[0]
    assert not any(struck[5:])
    assert 4 <= limit.stretch < 6
    for _ in range(40):
        now += 2 * S
        limit.judge(int(cpu), now, limit_percent=10)
    assert limit.stretch == 1.0


def test_cpu_is_judged_over_whole_windows_only():
    limit = CpuLimit(0, 0)
    assert not limit.judge(1 * S, 1 * S, 10)
    assert limit.judge(2 * S, 2 * S, 10)


def test_stretch_is_bounded():
    limit = CpuLimit(0, 0)
    for index in range(1, 50):
        limit.judge(index * 100 * S, index * 2 * S, 1)
    assert limit.stretch == 1000
