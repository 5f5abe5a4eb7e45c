"""What memory is left: the least of what the kernel and every control group say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tacit.adapters.host import available_memory

MIB = 2**20


def machine(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


MEMINFO = {"proc/meminfo": "MemTotal: 8192000 kB\nMemFree: 1000 kB\nMemAvailable:    4096 kB\n"}
UNLIMITED = {"proc/self/cgroup": "0::/user\n", "sys/fs/cgroup/user/memory.max": "max\n"}


def test_without_limits_it_is_what_the_kernel_reckons_available(tmp_path: Path) -> None:
    assert available_memory(machine(tmp_path, {**MEMINFO, **UNLIMITED})) == 4096 * 1_024


def test_a_group_with_less_left_counts_whichever_ancestor_sets_it(tmp_path: Path) -> None:
    groups = {
        "proc/self/cgroup": "0::/outer/inner\n",
        "sys/fs/cgroup/outer/memory.max": str(3 * MIB),
        "sys/fs/cgroup/outer/memory.current": str(2 * MIB),
        "sys/fs/cgroup/outer/inner/memory.max": str(100 * MIB),
        "sys/fs/cgroup/outer/inner/memory.current": str(MIB),
    }

    assert available_memory(machine(tmp_path, {**MEMINFO, **groups})) == MIB


def test_files_that_the_kernel_would_give_up_count_as_available(tmp_path: Path) -> None:
    groups = {
        "proc/self/cgroup": "0::/\n",
        "sys/fs/cgroup/memory.max": str(3 * MIB),
        "sys/fs/cgroup/memory.current": str(3 * MIB),
        "sys/fs/cgroup/memory.stat": f"anon 5\ninactive_file {2 * MIB}\nactive_file 7\n",
    }

    assert available_memory(machine(tmp_path, {**MEMINFO, **groups})) == 2 * MIB


def test_the_first_version_of_control_groups_is_read_too(tmp_path: Path) -> None:
    groups = {
        "proc/self/cgroup": "9:cpu,memory:/docker/abc\n8:pids:/docker/abc\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": str(2 * MIB),
        "sys/fs/cgroup/memory/memory.usage_in_bytes": str(MIB),
        "sys/fs/cgroup/memory/memory.stat": f"total_inactive_file {MIB // 2}\n",
    }

    assert available_memory(machine(tmp_path, {**MEMINFO, **groups})) == MIB * 3 // 2


def test_a_group_that_used_more_than_it_may_has_nothing_left(tmp_path: Path) -> None:
    groups = {
        "proc/self/cgroup": "0::/\n",
        "sys/fs/cgroup/memory.max": str(MIB),
        "sys/fs/cgroup/memory.current": str(2 * MIB),
    }

    assert available_memory(machine(tmp_path, groups)) == 0


def test_a_system_that_does_not_tell_is_taken_at_its_word(tmp_path: Path) -> None:
    assert available_memory(tmp_path) is None


def test_this_very_machine_has_something_left() -> None:
    left = available_memory()
    if left is None:
        pytest.skip("this system does not tell")

    assert left > 16 * MIB
