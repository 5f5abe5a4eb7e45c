"""What this machine has left: the memory a process may still take, whatever limits it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def available_memory(root: Path = Path("/")) -> int | None:
    """Bytes that can be taken without swapping or being killed; `None` where the system does not tell.

    The least of what the kernel reckons is available and what each control group this process lives in has left
    (versions 1 and 2). Cached files count as available: the kernel gives them up.

    Args:
        root: Where `/proc` and `/sys` are, for tests.
    """
    left = [left for left, _ in _rooms(root)]
    return max(0, min(left)) if left else None


def memory_in_use(root: Path = Path("/")) -> float | None:
    """Share of the memory in use, from 0 to 1, of whatever has the least left; `None` where the system does not tell.

    Args:
        root: As above.
    """
    shares = [1 - left / most for left, most in _rooms(root) if most > 0]
    return min(1.0, max(0.0, *shares)) if shares else None


Room = tuple[int, int]
"""Bytes that are left, and of how many."""


def _rooms(root: Path) -> list[Room]:
    return [*_kernel(root / "proc/meminfo"), *_groups(root)]


def _kernel(meminfo: Path) -> Iterator[Room]:
    found = {line.split()[0]: int(line.split()[1]) * 1_024 for line in _lines(meminfo) if line.startswith("Mem")}
    if "MemAvailable:" in found:
        yield found["MemAvailable:"], found.get("MemTotal:", 0)


def _groups(root: Path) -> Iterator[Room]:
    """What each control group of this process has left, from its own up to the root."""
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if not controllers:
            yield from _walk(root / "sys/fs/cgroup", path, names=("memory.max", "memory.current", "inactive_file"))
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            yield from _walk(root / "sys/fs/cgroup/memory", path, names=names)


def _walk(mount: Path, path: str, *, names: tuple[str, str, str]) -> Iterator[Room]:
    """Along a group's path; in a container the mount shows its own group as the root, and the path may be absent."""
    folder = mount / path.strip("/")
    while True:
        yield from _left(folder, names)
        if folder == mount:
            return
        folder = folder.parent


def _left(folder: Path, names: tuple[str, str, str]) -> Iterator[Room]:
    limit, usage, cached = names
    most, used = _number(folder / limit), _number(folder / usage)
    if most is None or used is None:
        return
    reclaimable = sum(int(line.split()[1]) for line in _lines(folder / "memory.stat") if line.split()[0] == cached)
    yield most - used + reclaimable, most


def _number(path: Path) -> int | None:
    """What a file of one number says; `None` for `max`, and where there is no such file."""
    written = "".join(_lines(path)).strip()
    return int(written) if written.isdecimal() else None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("ascii").splitlines()
    except (OSError, ValueError):
        return []
