"""How much of the memory we may use is in use: the container's where there is a limit, else the machine's."""

from __future__ import annotations

from pathlib import Path

_GROUP = Path("/sys/fs/cgroup")
_MACHINE = Path("/proc/meminfo")


def memory_share(group: Path = _GROUP, machine: Path = _MACHINE) -> float | None:
    """Share in use, from 0 to 1, without what the kernel gives back on demand; `None` where nobody can say."""
    try:
        return _share_of_group(group)
    except (OSError, ValueError, KeyError):
        pass
    try:
        return _share_of_machine(machine)
    except (OSError, ValueError, KeyError):
        return None


def _share_of_group(group: Path) -> float:
    """Control groups v2; raises `ValueError` where the limit is `max`, that is, where there is none."""
    limit = int((group / "memory.max").read_text())
    stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    used = int((group / "memory.current").read_text()) - int(stat["inactive_file"])
    return used / limit


def _share_of_machine(machine: Path) -> float:
    fields = {name: int(rest.split()[0]) for name, _, rest in _split_lines(machine)}
    return 1 - fields["MemAvailable"] / fields["MemTotal"]


def _split_lines(path: Path) -> list[tuple[str, str, str]]:
    return [line.partition(":") for line in path.read_text().splitlines()]
