"""What the machine gives a process: processors, room on a disk, and whom the kernel ended for want of memory."""

from __future__ import annotations

import math
import os
from pathlib import Path

_GROUP = Path("sys/fs/cgroup")


def cpu_cores(root: Path = Path("/")) -> float:
    """Processors that this process may use; fewer where its control group (version 2) has a quota.

    Args:
        root: Where `/sys` is, for tests.
    """
    mine = float(len(os.sched_getaffinity(0)))
    quota, _, period = _text(root / _GROUP / "cpu.max").partition(" ")
    if quota.isdecimal() and period.strip().isdecimal() and int(period):
        return min(mine, int(quota) / int(period))
    return mine


def disk_free(folder: Path) -> float:
    """Share of a folder's disk that is free to us, from 0 to 1; NaN where it cannot be asked."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return math.nan
    return found.f_bavail / found.f_blocks if found.f_blocks else math.nan


def oom_kills(root: Path = Path("/")) -> float:
    """Processes of our control group that the kernel ended for want of memory, since the group was made.

    Args:
        root: As above.
    """
    for line in _text(root / _GROUP / "memory.events").splitlines():
        name, _, count = line.partition(" ")
        if name == "oom_kill" and count.isdecimal():
            return float(count)
    return 0.0


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except (OSError, ValueError):
        return ""
