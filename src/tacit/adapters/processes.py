"""Processes by names that are not given twice: machine, number, and when it began."""

from __future__ import annotations

import os
import socket
from pathlib import Path

_PROC = Path("/proc")


def own_name() -> str:
    """What names this process, and no other on any machine for as long as this one runs."""
    return name_of(os.getpid())


def name_of(pid: int) -> str:
    """The same of another process of this machine."""
    return f"{socket.gethostname()}/{pid}/{_began(pid)}"


def is_gone(name: str) -> bool:
    """Whether the process of a name certainly runs no more; of one on another machine, nobody can tell from here."""
    host, number, began = name.rsplit("/", 2) if name.count("/") >= 2 else ("", "", "")
    if host != socket.gethostname() or not number.isdigit() or not _PROC.is_dir():
        return False
    return _began(int(number)) != began


def resident_bytes(pid: int) -> int:
    """The memory that a process holds; 0 once it is gone."""
    for line in _text(pid, "status").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1_024
    return 0


def _began(pid: int) -> str:
    """When a process began, in the kernel's ticks; empty if there is none."""
    # The command's name stands in brackets and may hold anything; what follows the last one is plain.
    words = _text(pid, "stat").rpartition(")")[2].split()
    return words[19] if len(words) > 19 and words[0] not in ("Z", "X") else ""


def _text(pid: int, name: str) -> str:
    try:
        return (_PROC / str(pid) / name).read_text("utf-8", "replace")
    except OSError:
        return ""
