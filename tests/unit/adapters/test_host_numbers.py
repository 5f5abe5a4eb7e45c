"""What the machine gives a process, read from files such as the kernel writes."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from tacit.adapters.host_numbers import cpu_cores, disk_free, oom_kills


@pytest.fixture
def group(tmp_path: Path) -> Path:
    folder = tmp_path / "sys/fs/cgroup"
    folder.mkdir(parents=True)
    return folder


def test_a_quota_is_worth_a_part_of_the_processors(group: Path, tmp_path: Path) -> None:
    mine = len(os.sched_getaffinity(0))
    (group / "cpu.max").write_text("50000 100000\n")
    assert cpu_cores(tmp_path) == 0.5
    (group / "cpu.max").write_text("6400000 100000\n")
    assert cpu_cores(tmp_path) == mine
    (group / "cpu.max").write_text("max 100000\n")
    assert cpu_cores(tmp_path) == mine


@pytest.mark.requirement("MON-018")
def test_processes_that_the_kernel_ended_are_counted(group: Path, tmp_path: Path) -> None:
    assert oom_kills(tmp_path) == 0
    (group / "memory.events").write_text("low 0\nhigh 4\noom 3\noom_kill 2\noom_group_kill 0\n")
    assert oom_kills(tmp_path) == 2


def test_a_disk_tells_what_is_free_and_one_that_is_away_tells_nothing(tmp_path: Path) -> None:
    assert 0 < disk_free(tmp_path) < 1
    assert math.isnan(disk_free(tmp_path / "none"))
