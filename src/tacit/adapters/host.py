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
    left = [*_kernel(root / "proc/meminfo"), *_groups(root)]
    return max(0, min(left)) if left else None


def _kernel(meminfo: Path) -> Iterator[int]:
    for line in _lines(meminfo):
        if line.startswith("MemAvailable:"):
            yield int(line.split()[1]) * 1_024


def _groups(root: Path) -> Iterator[int]:
    """What each control group of this process has left, from its own up to the root."""
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if not controllers:
            yield from _walk(root / "sys/fs/cgroup", path, names=("memory.max", "memory.current", "inactive_file"))
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            yield from _walk(root / "sys/fs/cgroup/memory", path, names=names)


def _walk(mount: Path, path: str, *, names: tuple[str, str, str]) -> Iterator[int]:
    """Along a group's path; in a container the mount shows its own group as the root, and the path may be absent."""
    folder = mount / path.strip("/")
    while True:
        yield from _left(folder, names)
        if folder == mount:
            return
        folder = folder.parent


def _left(folder: Path, names: tuple[str, str, str]) -> Iterator[int]:
    limit, usage, cached = names
    most, used = _number(folder / limit), _number(folder / usage)
    if most is None or used is None:
        return
    reclaimable = sum(int(line.split()[1]) for line in _lines(folder / "memory.stat") if line.split()[0] == cached)
    yield most - used + reclaimable


def _number(path: Path) -> int | None:
    """What a file of one number says; `None` for `max`, and where there is no such file."""
    written = "".join(_lines(path)).strip()
    return int(written) if written.isdecimal() else None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("ascii").splitlines()
    except (OSError, ValueError):
        return []
