"""Space kept on the disk for the day when there is none: let go then, so that what must be written still can be."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

import structlog

_LOW_BYTES = 2**30
_LOW_SHARE = 0.05

log = structlog.get_logger(__name__)

_MARGIN = 1.25
"""How many times its size must be free before it is taken again, lest it be let go at the next write."""


def is_low(folder: Path) -> bool:
    """Whether a folder's disk is nearly full: less than 5 % and less than 1 GiB is free; no if it cannot be asked."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    free = found.f_bavail * found.f_frsize
    return free < min(_LOW_BYTES, _LOW_SHARE * found.f_blocks * found.f_frsize)


class Reserve:
    """A file that holds space and nothing else.

    Args:
        path: Where; what a killed process left there is taken over.
        size: Bytes; 0 holds nothing, and is always held.
    """

    def __init__(self, path: Path, *, size: int) -> None:
        self._path, self._size = path, size
        self._lock = threading.Lock()
        self._is_held = size == 0

    @property
    def is_held(self) -> bool:
        return self._is_held

    def is_space_low(self) -> bool:
        """Whether the disk it lies on is nearly full."""
        return is_low(self._path.parent)

    def take(self) -> bool:
        """Take the space unless it is held; whether it is now.  Costs next to nothing while it is or cannot be."""
        if self._is_held:
            return True
        with self._lock:
            self._is_held = self._is_held or self._taken()
            return self._is_held

    def release(self) -> None:
        """Let the space go, so that others can write."""
        with self._lock:
            if self._size and self._is_held:
                self._is_held = False
                self._remove()
                log.warning("reserve_released", file=self._path.name, bytes=self._size)

    def close(self) -> None:
        """Let the space go since nobody needs it any more."""
        with self._lock:
            if self._size:
                self._is_held = False
                self._remove()

    def _taken(self) -> bool:
        try:
            if self._path.exists() and self._path.stat().st_blocks * 512 >= self._size:
                return True
            found = os.statvfs(self._path.parent)
            if found.f_bavail * found.f_frsize < self._size * _MARGIN:
                return False
            descriptor = os.open(self._path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, self._size)
            finally:
                os.close(descriptor)
        except OSError:
            self._remove()
            return False
        return True

    def _remove(self) -> None:
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
