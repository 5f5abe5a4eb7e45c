"""A stopwatch for one side of a comparison: wall seconds, CPU seconds of all its threads and processes, peak memory."""

from __future__ import annotations

import mmap
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SELF = Path("/proc/self")
_TICKS = os.sysconf("SC_CLK_TCK")


class Meter:
    """Runs, is paused, runs on; never counts what happens while it stands still.

    The peak is that of the address space since the first start (`VmHWM`, set back through `clear_refs`): `ru_maxrss`
    survives `exec`, so that a fresh process would report the size of the one that started it.

    Attributes:
        wall: Seconds counted.
        cpu: CPU seconds counted, of all threads, finished children and running descendants.
        held_bytes: Resident memory at the first start: the interpreter, the libraries and the data.
        peak_bytes: Highest resident memory from the first start to the last pause, that of descendants added.
    """

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0
        self.held_bytes = self.peak_bytes = 0
        self._since: tuple[float, float] | None = None

    def start(self) -> None:
        """Count from now on."""
        if not self.held_bytes:
            self.held_bytes = resident_bytes()
            _forget_peak()
        self._since = (time.perf_counter(), cpu_seconds())

    def pause(self) -> None:
        """Stop counting; `start` goes on."""
        if self._since is None:
            raise RuntimeError("the meter stands still already")
        wall, cpu = time.perf_counter(), cpu_seconds()
        self.wall += wall - self._since[0]
        self.cpu += cpu - self._since[1]
        self._since = None
        self.peak_bytes = max(
            self.peak_bytes, status_bytes("VmHWM") + sum(status_bytes("VmHWM", pid) for pid in descendants())
        )

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count what happens inside."""
        self.start()
        try:
            yield
        finally:
            self.pause()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave out what happens inside."""
        self.pause()
        try:
            yield
        finally:
            self.start()

    def reading(self) -> dict[str, float]:
        """What was measured, as plain numbers."""
        return {"wall": self.wall, "cpu": self.cpu, "held_bytes": self.held_bytes, "peak_bytes": self.peak_bytes}


def back_memory(size: int) -> None:
    """Touch so many bytes and give them back, so that the next to ask for them gets them at their usual price.

    A virtual machine may have handed free memory back to its host; the first touch then takes twenty times as long as
    any other, and whichever side ran first would pay for both.
    """
    step = mmap.PAGESIZE
    with mmap.mmap(-1, max(step, size), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        if hasattr(mmap, "MADV_HUGEPAGE"):
            memory.madvise(mmap.MADV_HUGEPAGE)  # large arrays ask for huge pages, which come from other places
        for start in range(0, len(memory), step):
            memory[start] = 1


def cpu_seconds() -> float:
    """CPU seconds of this process, its finished children, and its descendants that still run."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    ended = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
    return ended + sum(cpu_of(pid) for pid in descendants())


def resident_bytes() -> int:
    """Resident memory of this process now."""
    return status_bytes("VmRSS") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def descendants() -> list[int]:
    """Process ids of the running children, and of theirs."""
    found: list[int] = []
    waiting = _children_of(os.getpid())
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += _children_of(pid)
    return found


def _children_of(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(word) for path in listed for word in _read(path).split()]


def cpu_of(pid: int) -> float:
    """CPU seconds that a process took so far; 0 once it has ended."""
    # utime and stime are the 14th and 15th field; the name, the 2nd, may hold spaces but ends at the last bracket.
    fields = _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS if len(fields) > 12 else 0.0


def status_bytes(field: str, pid: int | str = "self") -> int:
    """What `/proc` says of a process's memory: `VmRSS` now, `VmHWM` at most; 0 once it has ended."""
    for line in _read(Path(f"/proc/{pid}/status")).splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    return 0


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError:  # it ended meanwhile, or the system has no such file
        return ""


def _forget_peak() -> None:
    try:
        (_SELF / "clear_refs").write_text("5")
    except OSError:  # the peak then includes what came before: too high, never too low
        return
